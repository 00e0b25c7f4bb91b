#!/usr/bin/env python3
"""Checks that TensorBoard reads graft's event files, also those of a training that was resumed or begun anew.

    tensorboard_parity.py DRIVER

DRIVER is the built tests/interop/records_driver.cpp, which writes them.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New

SCALARS = {
    "train/loss": lambda step: 1 / step,
    "train/learning_rate": lambda step: step / 1000,
    "train/grad_norm": lambda step: step / 7,
    "train/tokens_per_second": lambda step: 100.5,
    "train/memory": lambda step: 2e6 * step,
    "validation/loss": lambda step: 2 / step,
}


def events_of(path):
    """All events of a file, whose checksums the reader checks."""
    reader = PyRecordReader_New(str(path))
    while True:
        try:
            reader.GetNext()
        except Exception as end:  # the reader's own kind, of another name in each version
            if "out of range" not in str(end).lower() and type(end).__name__ != "OutOfRangeError":
                raise
            return
        yield Event.FromString(reader.record())


def check(folder, steps, what):
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    found = set(accumulator.Tags()["scalars"])
    if found != set(SCALARS):
        raise SystemExit(f"{what}: the scalars are {sorted(found)}")
    for tag, value in SCALARS.items():
        events = accumulator.Scalars(tag)
        if [event.step for event in events] != steps:
            raise SystemExit(f"{what}: {tag} has the steps {[event.step for event in events]}, not {steps}")
        for event in events:
            if abs(event.wall_time - time.time()) > 600:
                raise SystemExit(f"{what}: {tag} is of the time {event.wall_time}")
            if abs(event.value / value(event.step) - 1) > 1e-6:
                raise SystemExit(f"{what}: {tag} of step {event.step} is {event.value}")
    print(f"{what}: {len(SCALARS)} scalars of {len(steps)} steps are equal in TensorBoard")


def main():
    driver = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "adapters.run"
        events = run / "tensorboard"

        def write(*arguments):
            subprocess.run([driver, run, *map(str, arguments)], check=True)
            time.sleep(1.1)  # the names of the files, by which TensorBoard orders them, have seconds

        write(10, 50)
        check(events, [10, 20, 30, 40, 50], "a training")
        (file,) = events.iterdir()
        first, second, *rest = events_of(file)
        if first.file_version != "brain.Event:2" or len(rest) != 10:
            raise SystemExit(f"the file begins with {first} and has {len(rest)} events more")
        write(40, 70, 30)
        check(events, [10, 20, 30, 40, 50, 60, 70], "a training resumed from step 30")
        write(20, 30)
        check(events, [20, 30], "another training in the same folder")


if __name__ == "__main__":
    main()
