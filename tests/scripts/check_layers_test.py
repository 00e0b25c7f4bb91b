"""Tests scripts/check_layers.py on small trees, each with one thing wrong."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
import check_layers


class CheckLayers(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in {"graft/base/error.h": "#pragma once\n", **files}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return check_layers.check(root)

    def test_a_good_tree(self):
        self.assertEqual(
            self.problems(
                {
                    "graft/kernels/add.h": '#include <vector>\n#include "graft/base/error.h"\n',
                    "graft/ops/cpu/primitive.cpp": "#include <mlx/backend/cpu/encoder.h>\n",
                    "graft/ops/add.cpp": '#include "graft/ops/cpu/add.h"\n#include "hwy/highway.h"\n',
                    "graft/ops/cpu/add.h": '#include "graft/kernels/add.h"\n',
                }
            ),
            [],
        )

    def test_upward(self):
        found = self.problems(
            {
                "graft/ops/add.h": "",
                "graft/kernels/add.cpp": '// one\n#include "graft/ops/add.h"\n',
            }
        )
        self.assertEqual(len(found), 1)
        self.assertIn("graft/kernels/add.cpp:2:", found[0])
        self.assertIn("kernels may include base, not ops", found[0])

    def test_sideways(self):
        found = self.problems({"graft/lora/a.h": "", "graft/data/b.h": '#include "graft/lora/a.h"\n'})
        self.assertIn("data may include tokenizer, hub, parquet_reader, io, unicode, base, not lora", found[0])

    def test_streams(self):
        found = self.problems({"cli/a.cpp": 'fmt::print("x");\nstd::fflush(stdout);\n', "graft/io/a.cpp": "std::cerr << 1;\n"})
        self.assertEqual(found[:2], ["cli/a.cpp:1: writes to a standard stream", "cli/a.cpp:2: writes to a standard stream"])
        self.assertIn("graft/io/a.cpp:1: writes to a standard stream", found)

    def test_what_throws(self):
        throws = ["fs::exists(a)", "fs::exists(f(a, b))", "fs::file_size(a / b)", "std::filesystem::absolute(a)",
                  "fs::current_path()", "for (auto& e : fs::directory_iterator(a, error)) {}", "fs::status(a)"]
        fine = ["fs::exists(a, error)", "fs::exists(\n    f(a), ignored)", "fs::directory_iterator()", "is_there(a)",
                "fs::is_directory(status)", "fs::exists(fs::symlink_status(a, error))", "// fs::exists(a)",
                "auto at = fs::directory_iterator(a, error);", "fs::path(a)"]
        for line in throws:
            found = self.problems({"graft/io/a.cpp": f"int x;\n{line};\n"})
            self.assertEqual(len(found), 1, line)
            self.assertIn("graft/io/a.cpp:2: fs::", found[0])
        for line in fine:
            self.assertEqual(self.problems({"cli/a.cpp": line + ";\n"}), [], line)

    def test_mlx(self):
        self.assertIn(
            "kernels know nothing of MLX",
            self.problems({"graft/kernels/a.cpp": "#include <mlx/array.h>\n"})[0],
        )
        self.assertIn(
            "primitive.cpp alone",
            self.problems({"graft/nn/a.cpp": "#include <mlx/backend/cpu/encoder.h>\n"})[0],
        )

    def test_namespaces(self):
        found = self.problems(
            {
                "graft/io/a.h": "namespace graft {\nnamespace graft::io::parts {\n",
                "graft/nn/a.cpp": "namespace graft {\n",
                "graft/base/b.h": "namespace graft {\n",
                "graft/hub/c.h": "namespace graft::io {\n",
            }
        )
        self.assertEqual(len(found), 2)
        self.assertIn("graft/hub/c.h:1: it is in graft::io, which is not the namespace of its folder", found[0])
        self.assertIn("graft/io/a.h:1: it is in graft,", found[1])

    def test_flags(self):
        found = self.problems({"graft/io/a.cpp": '// "--fine"\nfail("a-b--c: give --force or not");\n'})
        self.assertEqual(found, ["graft/io/a.cpp:2: a message of the library names a flag"])
        self.assertEqual(self.problems({"graft/hub/card.cpp": 'x = "graft lora --train";\n'}), [])

    def test_paths_and_folders(self):
        self.assertIn("is no file", self.problems({"graft/io/a.cpp": '#include "error.h"\n'})[0])
        self.assertIn(
            "does not include cli/",
            self.problems({"cli/a.h": "", "graft/io/a.cpp": '#include "cli/a.h"\n'})[0],
        )
        self.assertIn("is no layer", self.problems({"graft/misc/a.cpp": "#include <vector>\n"})[0])
        self.assertIn(
            "ops/cpu is for ops alone",
            self.problems({"graft/ops/cpu/a.h": "", "graft/nn/a.h": '#include "graft/ops/cpu/a.h"\n'})[0],
        )

    def test_circle(self):
        found = self.problems(
            {"graft/io/a.h": '#include "graft/io/b.h"\n', "graft/io/b.h": '#include "graft/io/a.h"\n'}
        )
        self.assertIn("graft/io/a.h -> graft/io/b.h -> graft/io/a.h", found[0])

    def test_nothing_there(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(check_layers.check(pathlib.Path(folder))), 1)


if __name__ == "__main__":
    unittest.main()
