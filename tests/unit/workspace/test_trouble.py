"""What a folder's message says when several things are wrong."""

from oasis_search.workspace.trouble import Concern, Trouble


def test_the_gravest_is_said_until_it_is_over() -> None:
    trouble = Trouble()
    assert trouble.message == ""
    trouble.note(Concern.WATCHING, "Polled.")
    trouble.note(Concern.FOLDER, "Gone.")
    trouble.note(Concern.STORE, "Full.")
    assert trouble.message == "Gone."
    assert trouble.has(Concern.FOLDER)
    trouble.note(Concern.FOLDER, "")
    assert not trouble.has(Concern.FOLDER)
    assert trouble.message == "Full."
    trouble.note(Concern.STORE, "")
    assert trouble.message == "Polled."
