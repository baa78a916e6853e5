"""Reading skills: the whole folder, from disk or from git, and one clear line for each thing that is wrong."""

import os
from pathlib import Path

import pytest

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import read_skill


def test_the_whole_folder_is_read(make_skill) -> None:
    folder = make_skill(body="Body.", sheet="Sheet text.")
    (folder / "references").mkdir()
    (folder / "references" / "deep.md").write_text("Deep text.")
    (folder / "logo.png").write_bytes(b"\x89PNG\xff\xfe")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("hidden")
    skill = read_skill(str(folder))
    assert [path for path, _ in skill.sheets] == ["references/deep.md", "sheet.md"]
    assert skill.body == "Body."
    assert "Deep text." in skill.text
    assert "hidden" not in skill.text
    assert read_skill(str(folder / "SKILL.md")) == skill


def test_frontmatter_of_any_vocabulary(make_skill) -> None:
    folder = make_skill()
    (folder / "SKILL.md").write_text(
        "\ufeff---\r\nname: x\r\ndescription: >-\r\n  Two\r\n  lines.\r\nallowed-tools: [a]\r\nmood: {good: 1}\r\n---\r\nBody.\r\n"
    )
    skill = read_skill(str(folder))
    assert (skill.name, skill.description, skill.body, skill.version) == (
        "x",
        "Two lines.",
        "Body.",
        "my-skill",
    )


def test_the_hash_is_of_paths_and_contents(make_skill) -> None:
    folder = make_skill(sheet="a")
    first = read_skill(str(folder)).hash
    os.utime(folder / "sheet.md", (1, 1))
    assert read_skill(str(folder)).hash == first
    (folder / "sheet.md").rename(folder / "other.md")
    assert read_skill(str(folder)).hash != first


def test_a_revision_reads_what_was_there_even_if_it_is_gone(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill(body="Old.", sheet="Old sheet.")
    on_disk = read_skill(str(folder))
    git(tmp_path, "commit", "one", tag="v1.2")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    git(tmp_path, "commit", "two")
    old = read_skill(f"{folder}@v1.2")
    assert old.hash == on_disk.hash
    assert old.body == "Old."


def test_a_path_with_an_at_sign_is_a_path(make_skill) -> None:
    folder = make_skill(name="team@home")
    assert read_skill(str(folder)).name == "team@home"


def broken(folder: Path, text: str) -> str:
    (folder / "SKILL.md").write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Just text.", "no frontmatter"),
        ("---\nname: x\ndescription: y\n", "never ends"),
        ("---\nname: [x\n---\nBody.", "is not YAML"),
        ("---\n- x\n---\nBody.", "is not a mapping"),
        ("---\nname: x\n---\nBody.", "lacks `description`"),
        ("---\nname: x\ndescription: y\n---\n\n  \n", "empty body"),
    ],
)
def test_a_broken_skill_md_is_one_line(make_skill, text, message) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_skill(broken(make_skill(), text))
    assert "\n" not in str(error.value)


def test_missing_things_are_one_line(make_skill, tmp_path: Path, git) -> None:
    with pytest.raises(InputError, match="no such folder"):
        read_skill(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no SKILL\.md"):
        read_skill(str(tmp_path / "empty"))
    folder = make_skill()
    with pytest.raises(InputError, match="is not in a git repository"):
        read_skill(f"{folder}@main")
    git(tmp_path, "commit", "one")
    with pytest.raises(InputError, match="git knows no revision 'nope'"):
        read_skill(f"{folder}@nope")
    with pytest.raises(InputError, match="no folder other at revision"):
        read_skill(f"{tmp_path / 'other'}@HEAD")


def test_a_link_out_of_the_folder_is_refused(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "leak.md").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InputError, match="link out of the folder"):
        read_skill(str(folder))
    git(tmp_path, "commit", "one")
    with pytest.raises(InputError, match="link out of the folder"):
        read_skill(f"{folder}@HEAD")


def test_a_megabyte_is_too_much(make_skill) -> None:
    with pytest.raises(InputError, match="larger than 1,000,000 bytes"):
        read_skill(str(make_skill(sheet="x" * 1_000_001)))
