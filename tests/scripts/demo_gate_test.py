"""Tests scripts/demo_gate.sh on what the steps of a run would have printed, and that demo.sh obeys it,
with a program that prints just that in the place of graft."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
GATE = SCRIPTS / "demo_gate.sh"
ANSWER = " SELECT Nationality FROM 1-10015132-16 WHERE Player = 'Terrence Ross'\n"


def printed(before="25.210", after="4.905", adapted="1.590", fused="1.591", answers=(ANSWER, ANSWER)):
    """What the steps of a good run print, but for the figures and answers that are given."""
    return {
        "test-before.txt": f"Test loss 3.227, Test ppl {before}.\n",
        "test-after.txt": f"Test loss 1.590, Test ppl {after}.\n",
        "fuse.txt": "Fused 32 layers of demo/model into demo/fused: 694 tensors, 101.9 MB\n"
        f"Loss on data/test.jsonl: base 3.227, adapted {adapted}, fused {fused}\n",
        "answer-after.txt": answers[0],
        "answer-fused.txt": answers[1],
    }


class DemoGate(unittest.TestCase):
    def judge(self, files):
        """The exit code and the complaints of the gate, as demo.sh runs it."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                (pathlib.Path(folder) / name).write_text(text)
            script = 'set -euo pipefail; . "$1"; demo_gate "$2"; echo reached'
            result = subprocess.run(
                ["bash", "-c", script, "bash", GATE, folder], capture_output=True, text=True
            )
        self.assertEqual("reached" in result.stdout, result.returncode == 0)
        return result.returncode, result.stderr.splitlines()

    def passes(self, **changes):
        self.assertEqual(self.judge(printed(**changes)), (0, []))

    def fails(self, *complaints, **changes):
        code, said = self.judge(printed(**changes))
        self.assertEqual(code, 1)
        self.assertEqual(len(said), len(complaints), said)
        for line, complaint in zip(said, complaints):
            self.assertTrue(line.startswith("demo: "), line)
            self.assertIn(complaint, line)

    def test_a_good_run(self):
        self.passes()

    def test_perplexity_falls_by_30_percent(self):
        self.passes(before="10.000", after="7.000")
        self.fails("did not fall by 30%: 10.000 -> 7.001", before="10.000", after="7.001")
        self.passes(before="25.210", after="17.647")
        self.fails("did not fall by 30%", before="25.210", after="17.648")
        # 70% of these lies between two figures.
        self.passes(before="25.211", after="17.647")
        self.fails("did not fall by 30%", before="25.211", after="17.648")
        # In binary fractions 0.7 times this is less than 14.021.
        self.passes(before="20.030", after="14.021")
        self.fails("did not fall by 30%", before="4.905", after="25.210")
        self.passes(before="123456789012.345", after="9.999")

    def test_fused_loss_within_a_hundredth(self):
        self.passes(adapted="1.590", fused="1.600")
        self.fails("loss 1.601 is not within 0.01 of the adapted one's 1.590", fused="1.601")
        self.passes(adapted="1.590", fused="1.580")
        self.fails("is not within 0.01", fused="1.579")
        self.passes(adapted="0.010", fused="0.000")
        self.fails("is not within 0.01", adapted="0.000", fused="0.000")

    def test_same_answer(self):
        self.fails("does not answer as the adapted one", answers=(ANSWER, ANSWER.upper()))
        self.fails("does not answer as the adapted one", answers=(ANSWER, ANSWER + " "))
        self.fails("does not answer as the adapted one", answers=(ANSWER, ""))
        self.fails("the adapted model answers nothing", answers=("\n", "\n"))

    def test_what_is_no_number_fails(self):
        for word in ("nan", "-nan", "inf", "", "-1.000"):
            with self.subTest(word):
                self.fails("did not fall by 30%", before=word)
                self.fails("did not fall by 30%", after=word)
                self.fails("is not within 0.01", adapted=word)
                self.fails("is not within 0.01", fused=word)
        self.fails("did not fall by 30%: 25.210 -> 0.000", after="0.000")

    def test_all_complaints_at_once(self):
        self.fails("30%", "0.01", "answer", after="20.000", fused="2.000", answers=(ANSWER, ""))

    def test_a_missing_file_fails(self):
        for name in printed():
            with self.subTest(name):
                files = printed()
                del files[name]
                self.assertNotEqual(self.judge(files)[0], 0)


# Prints what the step is to print; fails in the step that the file "failing" names.
PROGRAM = r"""#!/usr/bin/env bash
says() { if [[ $(cat failing) == "$1" ]]; then echo "graft: no luck" >&2 && exit 1; fi; cat "$1"; }
case $* in
  convert*) mkdir -p demo/model && touch demo/model/config.json && echo Wrote ;;
  eval*) echo "Answers that return the right result: 0% before, 30% after" ;;
  *--train*) says train.txt && touch demo/adapters.npz ;;
  *"--test --adapter-file none") says test-before.txt ;;
  *--test*) says test-after.txt ;;
  fuse*) mkdir -p demo/fused && touch demo/fused/config.json && says fuse.txt ;;
  *demo/fused*) says answer-fused.txt ;;
  *) says answer-after.txt ;;
esac
"""


class DemoScript(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        (self.root / "scripts").mkdir()
        (self.root / "build").mkdir()
        for name in ("demo.sh", "demo_gate.sh"):
            shutil.copy(SCRIPTS / name, self.root / "scripts")
        for name, text in (("scripts/setup.sh", "#!/bin/sh\n"), ("build/graft", PROGRAM)):
            (self.root / name).write_text(text)
            (self.root / name).chmod(0o755)

    def run_demo(self, failing="", **changes):
        steps = printed(**changes)
        steps["train.txt"] = "Starting training, iterations: 100\nIter 100: Tokens/sec 493.052\n"
        steps["failing"] = failing
        for name, text in steps.items():
            (self.root / name).write_text(text)
        return subprocess.run(
            ["bash", self.root / "scripts" / "demo.sh"], capture_output=True, text=True
        )

    def test_a_good_run_and_a_second_one(self):
        result = self.run_demo()
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("test perplexity   25.210 -> 4.905 (81% lower)", result.stdout)
        self.assertIn("493.052 tokens/s", result.stdout)
        again = self.run_demo()
        self.assertEqual(again.returncode, 0)
        self.assertIn("demo/adapters.npz is there", again.stdout)

    def test_it_obeys_the_gate(self):
        for changes in (
            {"after": "24.000"},
            {"after": "nan"},
            {"fused": "1.700"},
            {"answers": (ANSWER, "no\n")},
        ):
            with self.subTest(changes):
                shutil.rmtree(self.root / "demo", ignore_errors=True)
                result = self.run_demo(**changes)
                self.assertEqual(result.returncode, 1)
                self.assertIn("demo: ", result.stderr)
                self.assertNotIn("Passed", result.stdout)

    def test_a_step_that_fails_ends_it(self):
        for name in printed():
            with self.subTest(name):
                shutil.rmtree(self.root / "demo", ignore_errors=True)
                result = self.run_demo(failing=name)
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stderr, "graft: no luck\n")
                self.assertNotIn("Figures", result.stdout)

    def test_a_training_that_failed_is_not_taken_for_done(self):
        self.assertEqual(self.run_demo().returncode, 0)
        (self.root / "demo" / "adapters.npz").unlink()
        self.assertEqual(self.run_demo(failing="train.txt").returncode, 1)
        (self.root / "demo" / "adapters.npz").touch()  # of an iteration before the failure
        self.assertNotIn("demo/adapters.npz is there", self.run_demo().stdout)


if __name__ == "__main__":
    unittest.main()
