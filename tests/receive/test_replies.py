from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.conch.ssh.filetransfer import FX_EOF, FX_OK

from dorimportd.errors import NotAccepted, Refused, TryLater
from dorimportd.receive.replies import REPLIES


def leaves(kind: type[NotAccepted]) -> Iterator[type[NotAccepted]]:
    for each in kind.__subclasses__():
        yield from leaves(each)
    if not kind.__subclasses__():
        yield kind


@pytest.mark.parametrize("refusal", sorted(leaves(NotAccepted), key=lambda each: each.__name__))
def test_each_refusal_has_a_reply_that_says_whose_move_it_is(refusal):
    reply = REPLIES[refusal]
    later = issubclass(refusal, TryLater)
    assert later != issubclass(refusal, Refused)
    assert {reply.ftp // 100, reply.smtp // 100, int(reply.enhanced[0])} == {4 if later else 5}
    assert reply.sftp not in (FX_OK, FX_EOF)


@pytest.mark.parametrize("refusal", sorted(leaves(NotAccepted), key=lambda each: each.__name__))
def test_each_refusal_is_a_sentence(refusal):
    assert str(refusal()).rstrip()[-1] in ".:"
    assert refusal.text[0].isupper()
