"""The end of a script that uses MLX's Python package."""

import os
import sys


def run_main(main):
    """Runs main, and ends the process without Python's shut-down, in which MLX's threads now and then abort."""
    main()
    sys.stdout.flush()
    os._exit(0)
