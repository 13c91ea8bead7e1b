"""How fast the doors take large files, beside other servers in the same run: run by hand, as root.

    python tests/bench/doors.py                            everything; some twenty minutes
    python tests/bench/doors.py --runs 3 --size 128 sftp "sftp aes128-gcm"
    python tests/bench/doors.py --folder /srv/scratch ftp

Each case is one client program that uploads files from memory to ours and to each other server that is
installed (OpenSSH's; vsftpd, ProftPD, pyftpdlib), by turns; medians count.  Ours goes all the way to the
synced delivery, of which nothing is imported; the others write a file.

    MB/s      from the client's start to its end
    ratio     ours to that of the other server
    cpu       seconds of a processor that a server took for it: the figure that other work disturbs least

Files lie in memory unless --folder says otherwise: servers are compared here, and not disks.  The load
average is told at the begin and the end: beside other work the figures mean little.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import peers
from appliance import PASSWORD, Appliance
from neighbours import load

from dorimportd.receive.tls import make

MEGABYTE: Final = 1_000_000
MEMORY: Final = Path("/dev/shm")
CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")
HEADS: Final = ("what", "server", "MB/s", "ratio", "cpu")
WIDTHS: Final = (22, 12, 8, 7, 7)
SSH_OPTIONS: Final = (
    *("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR"),
    *("-oIdentitiesOnly=yes", "-oBatchMode=yes"),
)


class Target(NamedTuple):
    """Where a client sends to."""

    login: str
    password: str
    port: int
    folder: str  # in which the file goes, as the client says it: empty, or with a slash at its end


class Tools(NamedTuple):
    """What clients and servers need besides."""

    folder: Path
    key: Path  # for SSH, without a passphrase
    certificate: Path  # PEM, with its key


Client = Callable[[Tools, Target, Path, str], Sequence[str | Path]]  # the command that uploads a file


@dataclass(frozen=True, slots=True)
class Case:
    """One way to upload."""

    client: Client
    program: str
    channel: str
    at_once: int = 1


class Cost(NamedTuple):
    """What an upload took."""

    seconds: float
    cpu: float  # seconds, of the server


# The clients.


def sftp(tools: Tools, target: Target, file: Path, name: str, *, options: Sequence[str] = ()) -> list[str]:
    batch = tools.folder / f"{name}.batch"
    batch.write_text(f'put "{file}" "{name}"\n')
    front = ["sftp", "-q", "-b", str(batch), "-P", str(target.port), "-i", str(tools.key), *SSH_OPTIONS]
    return [*front, *options, f"{target.login}@127.0.0.1"]


def psftp(tools: Tools, target: Target, file: Path, name: str) -> list[str]:
    batch = tools.folder / f"{name}.psftp"
    batch.write_text(f'put "{file}" "{name}"\n')
    host_key = subprocess.run(
        ["ssh-keyscan", "-t", "ed25519", "-p", str(target.port), "127.0.0.1"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    (tools.folder / "scanned").write_text(host_key.split(" ", 1)[1])
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tools.folder / "scanned"], check=True, capture_output=True, text=True
    )
    front = ["psftp", "-batch", "-b", str(batch), "-P", str(target.port), "-i", f"{tools.key}.ppk"]
    return [*front, "-hostkey", shown.stdout.split()[1], f"{target.login}@127.0.0.1"]


def lftp(tools: Tools, target: Target, file: Path, name: str) -> list[str]:
    program = f"ssh -a -x -i {tools.key} {' '.join(SSH_OPTIONS)}"
    settings = f'set sftp:auto-confirm yes; set sftp:connect-program "{program}"; set net:max-retries 1'
    return [
        "lftp",
        "--norc",
        "-c",
        f"{settings}; open -p {target.port} -u {target.login}, sftp://127.0.0.1; put {file} -o {name}",
    ]


def rclone(tools: Tools, target: Target, file: Path, name: str) -> list[str]:
    options = {
        "host": "127.0.0.1",
        "port": str(target.port),
        "user": target.login,
        "key-file": str(tools.key),
        "shell-type": "none",
    }
    given = [f"--sftp-{key}={value}" for key, value in options.items()]
    quiet = ["--config=", "--ignore-times", "--log-level=ERROR"]
    return ["rclone", "copyto", *quiet, *given, str(file), f":sftp:{name}"]


def curl(tools: Tools, target: Target, file: Path, name: str, *, options: Sequence[str] = ()) -> list[str]:
    url = f"ftp://127.0.0.1:{target.port}/{target.folder}{name}"
    who = f"{target.login}:{target.password}"
    return ["curl", "--silent", "--show-error", "-T", str(file), "--user", who, *options, url]


GCM: Final = partial(sftp, options=("-c", "aes128-gcm@openssh.com"))
CHACHA: Final = partial(sftp, options=("-c", "chacha20-poly1305@openssh.com"))
ETM: Final = partial(sftp, options=("-c", "aes128-ctr", "-oMACs=hmac-sha2-256-etm@openssh.com"))
CASES: Final[dict[str, Case]] = {
    "sftp": Case(sftp, "sftp", "sftp"),
    "sftp four at once": Case(sftp, "sftp", "sftp", at_once=4),
    "sftp chacha20": Case(CHACHA, "sftp", "sftp"),
    "sftp aes128-gcm": Case(GCM, "sftp", "sftp"),
    "sftp aes128-ctr etm": Case(ETM, "sftp", "sftp"),
    "rclone": Case(rclone, "rclone", "sftp"),
    "psftp": Case(psftp, "psftp", "sftp"),
    "lftp": Case(lftp, "lftp", "sftp"),
    "ftp": Case(curl, "curl", "ftp"),
    "ftps": Case(partial(curl, options=("--ssl-reqd", "--insecure")), "curl", "ftp"),
}


# The servers.


class Server(NamedTuple):
    """One that runs."""

    name: str
    target: Target
    pid: int
    taken: Path | None  # where files lie that may be removed when they were taken


@contextmanager
def ours(tools: Tools, case: Case) -> Iterator[Server]:
    """A daemon whose customer has no format: what it sends is accepted, and held without being read."""
    folder = tools.folder / "ours"
    appliance = Appliance(folder)
    customer = folder / "customers.d" / "acme.toml"
    lines = customer.read_text().splitlines(keepends=True)
    customer.write_text("".join(line for line in lines if not line.startswith("format")))
    appliance.run_ctl("customer", "key", "add", "acme", f"{tools.key}.pub")
    appliance.start()
    assert appliance.daemon is not None
    try:
        port = appliance.port(case.channel)
        yield Server("dorimportd", Target("acme", PASSWORD, port, ""), appliance.daemon.pid, None)
    finally:
        appliance.end()
        shutil.rmtree(folder)


@contextmanager
def other(name: str, tools: Tools) -> Iterator[Server]:
    if name == "sshd":
        with peers.sshd(tools.folder, tools.key) as peer:
            target = Target(getpass.getuser(), "", peer.port, "")
            yield Server(name, target, peer.pid, peer.taken)
    else:
        serve = {"vsftpd": peers.vsftpd, "proftpd": peers.proftpd, "pyftpdlib": peers.pyftpdlib}[name]
        login = "anonymous" if name == "vsftpd" else peers.LOGIN
        with serve(tools.folder, tools.certificate) as peer:
            yield Server(name, Target(login, peers.PASSWORD, peer.port, "in/"), peer.pid, peer.taken)
    shutil.rmtree(tools.folder / name)


def others(case: Case) -> list[str]:
    """Those that are installed and take uploads by the same channel."""
    if case.channel == "sftp":
        return ["sshd"] if peers.program("sshd") else []
    found = [name for name in ("vsftpd", "proftpd") if peers.program(name)]
    return found + (["pyftpdlib"] if find_spec("pyftpdlib") else [])


def cpu_of(pid: int) -> float:
    """Seconds of a processor that a process and those of its children that have ended took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / CLOCK_TICKS


# Measuring.


def upload(case: Case, tools: Tools, server: Server, file: Path, number: int) -> Cost:
    """One run of a case; *file* is sent under a new name each time."""

    def send(part: int) -> None:
        words = case.client(tools, server.target, file, f"f{number}-{part}.bin")
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600)
        if done.returncode:
            raise RuntimeError(f"{words}: {(done.stdout + done.stderr).decode(errors='replace')}")

    used, began = cpu_of(server.pid), time.monotonic()
    with ThreadPoolExecutor(case.at_once) as pool:
        list(pool.map(send, range(case.at_once)))
    seconds = time.monotonic() - began
    time.sleep(0.2)  # its child ends a moment after the client
    cost = Cost(seconds, cpu_of(server.pid) - used)
    for each in server.taken.iterdir() if server.taken else ():
        each.unlink()
    return cost


def measure(case: Case, tools: Tools, file: Path, runs: int) -> dict[str, Cost]:
    """The median cost at each server, by its name; ours is the first."""
    costs: dict[str, list[Cost]] = {}
    with ExitStack() as stack:
        begun: list[AbstractContextManager[Server]] = [ours(tools, case)]
        begun += [other(name, tools) for name in others(case)]
        servers = [stack.enter_context(each) for each in begun]
        for number in range(runs):
            for server in servers:
                costs.setdefault(server.name, []).append(upload(case, tools, server, file, number))
    return {
        name: Cost(median(each.seconds for each in found), median(each.cpu for each in found))
        for name, found in costs.items()
    }


def tools_in(folder: Path) -> Tools:
    key, certificate = folder / "key", folder / "certificate.pem"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    if shutil.which("puttygen"):
        subprocess.run(["puttygen", key, "-o", f"{key}.ppk"], check=True)
    make(certificate, folder / "certificate.key", "localhost")
    with certificate.open("ab") as both:
        both.write((folder / "certificate.key").read_bytes())
    return Tools(folder, key, certificate)


def main() -> None:
    said = arguments()
    print(f"load before: {load()}")
    print(line_of(HEADS))
    place = said.folder or (MEMORY if MEMORY.is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place) as folder:
        tools = tools_in(Path(folder))
        for name in said.cases or CASES:
            case = CASES[name]
            if peers.program(case.program):
                tell(name, case, measure_case(case, tools, said.size, said.runs), said.size)
            else:
                print(f"{name}: {case.program} is not installed")
    print(f"load after:  {load()}")


def measure_case(case: Case, tools: Tools, size: int, runs: int) -> dict[str, Cost]:
    file = tools.folder / "file"
    with file.open("wb") as writing:
        for _ in range(size // case.at_once):
            writing.write(os.urandom(MEGABYTE))
    return measure(case, tools, file, runs)


def tell(name: str, case: Case, costs: dict[str, Cost], size: int) -> None:
    best = next(iter(costs.values())).seconds
    sent = size // case.at_once * case.at_once
    for server, cost in costs.items():
        ratio = "" if cost.seconds == best else f"{cost.seconds / best:.2f}"
        print(line_of((name, server, f"{sent / cost.seconds:.0f}", ratio, f"{cost.cpu:.2f}")), flush=True)


def line_of(cells: Sequence[str]) -> str:
    front = [cell.ljust(width) for cell, width in zip(cells[:2], WIDTHS, strict=False)]
    return "".join(front + [cell.rjust(width) for cell, width in zip(cells[2:], WIDTHS[2:], strict=True)])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast the doors take large files.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--size", type=int, default=512, metavar="MB", help="of all files of a run")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, metavar="DIR", help="for all files; it must be empty or new")
    said = parser.parse_args()
    if unknown := set(said.cases) - CASES.keys():
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    return said


if __name__ == "__main__":
    main()
