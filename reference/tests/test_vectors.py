"""The vectors on disk are what the reference makes."""

import json
import unittest

import make_vectors


class Vectors(unittest.TestCase):
    def test_files_on_disk_are_what_the_reference_makes(self) -> None:
        for name in make_vectors.FILES:
            with self.subTest(name):
                text = (make_vectors.VECTORS / f"{name}.json").read_text(encoding="utf-8")
                self.assertTrue(text == make_vectors.make(name), f"{name}.json is another")

    def test_every_file_has_named_failures(self) -> None:
        for name in make_vectors.FILES:
            cases = json.loads((make_vectors.VECTORS / f"{name}.json").read_text(encoding="utf-8"))["cases"]
            failed = [case for case in cases if "error" in case]
            self.assertTrue(failed or name == "state", name)

    def test_the_layout_is_json(self) -> None:
        value = {"a": [1, "x" * 200, {"b": []}], "c": {}, "d": [[1, 2]] * 60}
        self.assertEqual(json.loads(make_vectors.lay_out(value)), value)
