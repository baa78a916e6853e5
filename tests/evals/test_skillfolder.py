"""Reading skills: the whole folder, from disk or from git, and one clear line for each thing that is wrong."""

import os
from pathlib import Path

import pytest

from redgreenbench.evals.errors import InputError
from redgreenbench.evals.skillfolder import Skill, dead_links, read_skill, skills_below


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
        ("---\nname: [x\n---\nBody.", "is not YAML in line"),
        (
            "---\nname: x\ndescription: Debug training: find NaN\n---\nBody.",
            "in line 3: mapping values are not allowed",
        ),
        (
            '---\nname: x\nargument-hint: [a] - e.g. "b", "c"\n---\nBody.',
            "is not YAML in line 3: .*into quotes",
        ),
        ("---\n- x\n---\nBody.", "is not a mapping"),
        ("---\nname: x\n---\nBody.", "lacks `description`"),
        ("---\nname: x\ndescription: [a, b]\n---\nBody.", "gives `description` as a list"),
        ("---\nname: {a: b}\ndescription: x\n---\nBody.", "gives `name` as a list or mapping"),
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
    with pytest.raises(InputError, match="no revision behind the @"):
        read_skill(f"{folder}@")
    with pytest.raises(InputError, match="no folder other at revision"):
        read_skill(f"{tmp_path / 'other'}@HEAD")


@pytest.mark.parametrize("target", ["nowhere.md", "SKILL.md"])
def test_a_skill_md_that_leads_nowhere_is_one_line(make_skill, tmp_path: Path, git, target: str) -> None:
    folder = make_skill()
    (folder / "SKILL.md").unlink()
    (folder / "SKILL.md").symlink_to(target)
    git(tmp_path, "commit", "one")
    for spec in (str(folder), f"{folder}@HEAD"):
        with pytest.raises(InputError, match=r"SKILL\.md is a link that leads nowhere"):
            read_skill(spec)


def test_a_folder_called_skill_md_is_no_skill(tmp_path: Path) -> None:
    (tmp_path / "odd" / "SKILL.md").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no SKILL\.md in it"):
        read_skill(str(tmp_path / "odd"))


def test_of_two_skill_mds_none_is_lost_silently(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill()
    (folder / "skill.md").write_text("---\nname: x\ndescription: y\n---\nOther.")
    if len(list(folder.glob("*.md"))) == 1:
        pytest.skip("this file system knows no case")
    git(tmp_path, "commit", "one")
    for spec in (str(folder), f"{folder}@HEAD"):
        with pytest.raises(InputError, match="differ in case alone; keep one"):
            read_skill(spec)


def test_a_name_that_is_not_utf8_is_one_line(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill()
    try:
        (folder / os.fsdecode(b"caf\xe9.md")).write_text("x")
    except OSError:
        pytest.skip("this file system knows no such names")
    git(tmp_path, "commit", "one")
    for spec in (str(folder), f"{folder}@HEAD"):
        with pytest.raises(InputError, match=r"'caf\\udce9\.md' is not UTF-8; rename it"):
            read_skill(spec)


def test_a_link_out_of_the_folder_is_refused(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "leak.md").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InputError, match="link out of the folder"):
        read_skill(str(folder))
    git(tmp_path, "commit", "one")
    with pytest.raises(InputError, match="link out of the folder"):
        read_skill(f"{folder}@HEAD")


def test_a_link_inside_is_followed_and_one_that_leads_nowhere_is_left_out(
    make_skill, tmp_path: Path, git
) -> None:
    folder = make_skill()
    (folder / "common").mkdir()
    (folder / "common" / "rate.md").write_text("One rate.")
    (folder / "references").symlink_to("common")
    (folder / "rate.md").symlink_to("references/rate.md")
    (folder / "gone.md").symlink_to("nowhere.md")
    (folder / "loop").symlink_to("loop")
    (folder / "self").symlink_to(".")
    git(tmp_path, "commit", "one")
    skill = read_skill(str(folder))
    assert dict(skill.sheets) == dict.fromkeys(
        ("common/rate.md", "rate.md", "references/rate.md"), "One rate."
    )
    assert skill.left_out == ("gone.md", "loop", "self")
    at_head = read_skill(f"{folder}@HEAD")
    assert (at_head.hash, at_head.sheets, at_head.left_out) == (skill.hash, skill.sheets, skill.left_out)


def test_what_is_kept_beside_a_skill_is_no_part_of_it(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill(sheet="A sheet.")
    plain = read_skill(str(folder))
    for path, text in {
        "evals/evals.json": '{"expected_output": "the answer"}',
        "LICENSE.txt": "Words.",
        "fonts/Some-OFL.txt": "Words.",
        "skill.oms.sig": "x",
        ".hidden/a.md": "x",
        "node_modules/x/index.js": "x",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "fonts" / "a.ttf").write_bytes(b"\0\1\0\0")
    (folder / "logo.png").write_bytes(b"\x89PNG\xff")
    skill = read_skill(str(folder))
    assert skill == plain
    assert skill.left_out == (
        ".hidden/", "LICENSE.txt", "evals/", "fonts/Some-OFL.txt", "fonts/a.ttf", "logo.png", "node_modules/", "skill.oms.sig",
    )  # fmt: skip
    git(tmp_path, "commit", "one")
    assert read_skill(f"{folder}@HEAD").left_out == skill.left_out
    (folder / "license-compliance.md").write_text("A sheet about licences.")
    assert "license-compliance.md" in dict(read_skill(str(folder)).sheets)


def test_line_ends_and_marks_make_no_difference(make_skill, tmp_path: Path, git) -> None:
    folder = make_skill(body="One.\nTwo.", sheet="A\nsheet.\n")
    (tmp_path / ".gitattributes").write_text("*.md text eol=crlf\n")
    git(tmp_path, "commit", "one")
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_skill(str(folder)).hash == read_skill(f"{folder}@HEAD").hash


@pytest.mark.parametrize("name", ["skill.md", "SKILL.MD"])
def test_the_name_of_the_file_is_read_in_any_case(make_skill, tmp_path: Path, git, name: str) -> None:
    folder = make_skill()
    before = read_skill(str(folder))
    (folder / "SKILL.md").rename(folder / name)
    git(tmp_path, "commit", "one")
    assert read_skill(str(folder)) == read_skill(str(folder / name)) == before
    assert read_skill(f"{folder}@HEAD").hash == before.hash


def test_odd_frontmatter_is_read(make_skill) -> None:
    def front(text: str) -> Skill:
        return read_skill(broken(folder, text))

    folder = make_skill()
    assert (
        front("---\nname: x\ndescription: |\n  First\n  ---\n  after a rule\n---\nA\n\n---\n\nB").body
        == "A\n\n---\n\nB"
    )
    assert front("---\nname: 2026\ndescription: y\n---\nBody.").name == "2026"
    assert front("---\ndescription: y\n---\nBody.").name == "my-skill"
    with pytest.raises(InputError, match="is not UTF-8; save it as UTF-8"):
        front("---\nname: x\ndescription: y\n---\nBody.".encode("utf-16").decode("latin-1") + "\0")


def test_a_folder_of_several_skills_lists_them(make_skill, tmp_path: Path, git) -> None:
    (tmp_path / "skills").mkdir()
    for name in ("one", "two"):
        make_skill(name=name).rename(tmp_path / "skills" / name)
    with pytest.raises(
        InputError, match=r"2 skills below: skills/one, skills/two; give one of them, or several"
    ):
        read_skill(str(tmp_path))
    git(tmp_path, "commit", "one")
    with pytest.raises(InputError, match=r"2 skills below: skills/one, skills/two"):
        read_skill(f"{tmp_path}@HEAD")


def test_a_link_to_a_folder_above_lists_no_skill_twice(make_skill, tmp_path: Path) -> None:
    skill = make_skill(name="skills/one")
    (skill / "again").symlink_to(".")
    (tmp_path / "skills" / "all").symlink_to(".")
    assert skills_below(tmp_path / "skills") == [skill]


def test_a_skill_inside_a_skill_is_a_sheet(make_skill) -> None:
    folder = make_skill()
    (folder / "sub").mkdir()
    (folder / "sub" / "SKILL.md").write_text("---\nname: inner\ndescription: x\n---\nInner.")
    assert [path for path, _ in read_skill(str(folder)).sheets] == ["sub/SKILL.md"]


def test_dead_links_are_named_once(make_skill) -> None:
    folder = make_skill(
        body="[a](gone.md) [again](gone.md#x) [b](sheet.md) [web](https://x.org/y.md) [anchor](#top) [up](../other/SKILL.md) "
        "[licence](LICENSE.txt) `[code](no.md)` [placeholder](url) [folder](docs.v2/)",
        sheet="See [c](lost.md).",
    )
    (folder / "LICENSE.txt").write_text("x")
    (folder / "docs.v2").mkdir()
    (folder / "docs.v2" / "a.md").write_text("x")
    assert dead_links(read_skill(str(folder))) == ["SKILL.md: gone.md", "sheet.md: lost.md"]


def test_too_much_text_names_the_largest_files_and_fonts_are_no_text(make_skill, monkeypatch) -> None:
    monkeypatch.setattr("redgreenbench.evals.skillfolder.MAX_BYTES", 10_000)
    folder = make_skill(sheet="x" * 5_000)
    (folder / "font.ttf").write_bytes(b"\0" * 20_000)
    assert read_skill(str(folder)).left_out == ("font.ttf",)
    (folder / "data.csv").write_text("1," * 4_000)
    with pytest.raises(
        InputError,
        match=r"at most 10,000 are read; the largest files are data.csv \(8,000\), sheet.md \(5,000\)",
    ):
        read_skill(str(folder))
