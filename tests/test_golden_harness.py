"""The golden fixture itself: a difference fails, a missing file fails, updating writes."""

import pytest

from conftest import Golden


def test_equal_text_passes_and_a_difference_fails(tmp_path):
    (tmp_path / "a.py").write_bytes(b"x = 1\n")
    golden = Golden(tmp_path, update=False, visited=set())
    golden.check("a.py", "x = 1\n")
    with pytest.raises(pytest.fail.Exception, match=r"\+x = 2"):
        golden.check("a.py", "x = 2\n")
    with pytest.raises(pytest.fail.Exception, match="differs"):
        golden.check("a.py", "x = 1\r\n")


def test_missing_file_fails(tmp_path):
    with pytest.raises(pytest.fail.Exception, match=r"no golden a\.py"):
        Golden(tmp_path, update=False, visited=set()).check("a.py", "x = 1\n")
    assert list(tmp_path.iterdir()) == []


def test_update_writes_and_records_the_visit(tmp_path):
    visited = set()
    Golden(tmp_path, update=True, visited=visited).check("deep/a.txt", "größe\n")
    assert (tmp_path / "deep" / "a.txt").read_text(encoding="utf-8") == "größe\n"
    assert visited == {"deep/a.txt"}


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(AssertionError, match=r"\.py or a \.txt"):
        Golden(tmp_path, update=True, visited=set()).check("a.json", "")
