"""The symmetric parts of impuls/1, in plain Python: read beside docs/spec.md, section by section."""
