"""Public keys, in the syntax of OpenSSH's authorized_keys (sshd(8)).

    [OPTIONS] ssh-ed25519|ssh-rsa BASE64 [COMMENT]

A key that we would not trust, or an option that we would not keep, is a mistake and never passed over:
whoever wrote it believes that it holds.  The blobs are taken apart by hand (RFC 4253 section 6.6, RFC
8709 section 4), since loading a library for them takes longer than all the rest of the reading.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Final

from dorimportd.config.values import Network, network
from dorimportd.toml import BadToml, Mistake, Place, Unfit, shown

TAKEN: Final = ("ssh-ed25519", "ssh-rsa")
RSA_BITS: Final = range(2048, 16385)
ED25519_BYTES: Final = 32

# What is found where a key should begin, and what to tell about it.
ELSE: Final[Mapping[str, str]] = {
    "ssh-dss": "is a DSA key, which is too weak: make one with `ssh-keygen -t ed25519`",
    "ecdsa-": "is an ECDSA key; only ssh-ed25519 and ssh-rsa are taken",
    "sk-": "is a key of a security token; only ssh-ed25519 and ssh-rsa are taken",
    "-----BEGIN": "is not the line of a public key: put that of the .pub file here, never the private key",
    "----": "is a key in another notation: `ssh-keygen -i -f FILE` writes it as a line for this file",
    "PuTTY-User-Key-File": "is not a public key: PuTTYgen shows the line for this file at its top",
}

# Words up to a blank, but what stands in double quotes belongs to the word (sshd(8)).
WORD: Final = re.compile(r'(?:"(?:\\"|[^"])*"|[^\s"])+')
OPTION: Final = re.compile(r'([A-Za-z0-9-]+)(?:="((?:\\"|[^"])*)")?(?:,|\Z)')


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One line of a keys file."""

    type: str  # "ssh-ed25519" or "ssh-rsa"
    blob: bytes  # as the wire carries it
    comment: str
    fingerprint: str  # "SHA256:…", as ssh-keygen -l shows it
    bits: int
    line: int  # of the file, from 1
    networks: tuple[Network, ...] = ()  # from="…"; empty: from anywhere

    def allows_peer(self, address: str) -> bool:
        """Whether this key is good for a session from *address*."""
        return lies_in(address, self.networks)


def lies_in(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether *address* is in one of *networks*; every address is when there are none.

    An IPv4 address that reached an IPv6 listener (::ffff:192.0.2.1) is an IPv4 address.
    """
    peer = ip_address(address.partition("%")[0])
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return not networks or any(peer in each for each in networks)


def read_keys(text: str, file: str) -> tuple[PublicKey, ...]:
    """The keys in *text*; blank lines and those that begin with # are passed over.

    Raises BadToml with every mistake.
    """
    keys: list[PublicKey] = []
    mistakes: list[Mistake] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                keys.append(read_key(line, number))
            except Unfit as error:
                column = len(line) - len(line.lstrip()) + 1
                mistakes.append(Mistake(Place(file, number, column), "", str(error)))
                if line.startswith("----"):
                    break  # the lines of a key in another notation say no more
    if mistakes:
        raise BadToml(mistakes)
    return tuple(keys)


def read_key(line: str, number: int = 1) -> PublicKey:
    """The key on *line*.

    Raises Unfit.
    """
    words = list(WORD.finditer(line))
    options = words.pop(0)[0] if words and words[0][0] not in TAKEN else ""
    for word in [options, *(word[0] for word in words[:1])]:
        refuse_what_is_no_key(word)
    if len(words) < 2 or words[0][0] not in TAKEN:
        raise Unfit("is not a public key such as 'ssh-ed25519 AAAA… comment'")
    blob = decoded(words[1][0])
    return PublicKey(
        type=words[0][0],
        blob=blob,
        comment=line[words[1].end() :].strip(),
        fingerprint=fingerprint(blob),
        bits=checked_bits(words[0][0], blob),
        line=number,
        networks=read_options(options),
    )


def fingerprint(blob: bytes) -> str:
    """Of the key *blob*, as ssh-keygen -l shows it."""
    return f"SHA256:{b64encode(sha256(blob).digest()).decode().rstrip('=')}"


def refuse_what_is_no_key(word: str) -> None:
    """Raises Unfit when *word* begins something else that people put here."""
    if "-cert-v" in word:
        raise Unfit("is a certificate; only plain ssh-ed25519 and ssh-rsa keys are taken")
    for start, problem in ELSE.items():
        if word.startswith(start):
            raise Unfit(problem)


def read_options(word: str) -> tuple[Network, ...]:
    """The networks of from="…" among the options.

    Raises Unfit for an option that would not be kept; `restrict` is, since no key can do more than upload.
    """
    networks: list[Network] = []
    at = 0
    while at < len(word):
        option = OPTION.match(word, at)
        name = option[1].lower() if option else None
        if option and name == "from" and option[2] and not networks:
            networks = list(read_from(option[2]))
        elif not option or name != "restrict" or option[2] is not None:
            raise Unfit(f"has an option that is not known here; got {shown(word[at:])}")
        at = option.end()
    return tuple(networks)


def read_from(patterns: str) -> Iterator[Network]:
    """The networks in the value of a from option; names, wildcards and exceptions are not taken."""
    for pattern in patterns.split(","):
        try:
            yield network(pattern.strip())
        except Unfit:
            raise Unfit(f"may say from=… only with addresses and networks; got {shown(pattern)}") from None


def decoded(word: str) -> bytes:
    """The blob that *word* is the base64 of, in the one way to write it (RFC 4648 section 3.5)."""
    try:
        blob = b64decode(word, validate=True)
    except ValueError:
        blob = b""
    if b64encode(blob).decode() != word:
        raise Unfit("is damaged: its base64 cannot be read; copy the whole line of the .pub file")
    return blob


def checked_bits(type: str, blob: bytes) -> int:  # noqa: A002  (the standards call it so)
    """The bits of the key in *blob*.

    Raises Unfit when it is not one whole key of *type*, or not one that we would trust.
    """
    try:
        inner, *numbers = strings(blob)
    except ValueError:
        raise Unfit("is damaged: it is not complete; copy the whole line of the .pub file") from None
    if inner != type.encode():
        raise Unfit(f"says {type}, but holds another kind of key")
    if type == "ssh-ed25519" and [len(number) for number in numbers] == [ED25519_BYTES]:
        return 256
    if type == "ssh-rsa" and len(numbers) == 2:
        return checked_rsa_bits(*map(positive, numbers))
    raise Unfit(f"is damaged: it is not a key of type {type}")


def checked_rsa_bits(exponent: int, modulus: int) -> int:
    """The bits of an RSA key that is one."""
    bits = modulus.bit_length()
    if bits not in RSA_BITS:
        raise Unfit(f"is an RSA key of {bits} bits; {RSA_BITS[0]} to {RSA_BITS[-1]} are taken")
    if exponent < 3 or exponent % 2 == 0 or modulus % 2 == 0 or exponent >= modulus:
        raise Unfit("is damaged: these numbers are not an RSA key")
    return bits


def strings(blob: bytes) -> list[bytes]:
    """The strings of *blob*, each behind its length (RFC 4251 section 5).

    Raises ValueError unless they fill it to the last byte.
    """
    found: list[bytes] = []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < max(end, 4):
            raise ValueError
        found.append(blob[4:end])
        blob = blob[end:]
    if not found:
        raise ValueError
    return found


def positive(mpint: bytes) -> int:
    """The number in *mpint* (RFC 4251 section 5).

    Raises Unfit when it is not positive or not in its shortest form.
    """
    number = int.from_bytes(mpint, "big")
    if number == 0 or mpint != number.to_bytes(number.bit_length() // 8 + 1, "big"):
        raise Unfit("is damaged: these numbers are not an RSA key")
    return number
