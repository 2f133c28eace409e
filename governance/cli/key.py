"""`governance key`: a pair of keys made, and the public one shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from governance.cli.options import format_option, talk, write_json

if TYPE_CHECKING:
    from governance.domain.signature import Signature
    from governance.signing import PrivateKey, PublicKey

FILE = click.Path(dir_okay=False, path_type=Path)

key_option = click.option(
    "--key",
    "key_file",
    type=FILE,
    envvar="GOVERNANCE_SIGNING_KEY",
    metavar="FILE",
    help="Sign with this private key. Default: GOVERNANCE_SIGNING_KEY.",
)


@click.group()
def key() -> None:
    """Make keys to sign with, and show public ones."""


@key.command()
@click.option("--name", required=True, metavar="NAME", help="Whose key it is: a person or a service.")
@click.option("--output", required=True, type=FILE, help="A new file for the private key.")
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "ecdsa"]),
    default="ed25519",
    show_default=True,
    help="ecdsa is over P-256 with SHA-256.",
)
@format_option
def new(name: str, output: Path, algorithm: str, form: str) -> None:
    """Make a pair of keys: the private one into a file, the public one as lines for the policy."""
    from governance import signing
    from governance.domain.signature import ECDSA_P256, ED25519

    made = signing.new_key(ED25519 if algorithm == "ed25519" else ECDSA_P256)
    signing.save_private(made, output)
    talk(f"The private key is in {output}, which only you can read. Whoever has it signs as {name}.")
    if form == "json":
        write_json("key", {"name": name} | _described(made.public_key()))
        return
    talk("For the policy:")
    line = signing.public_line(made.public_key())
    # JSON is YAML, and quotes whatever a name may hold.
    click.echo(f"keys:\n  {json.dumps(name, ensure_ascii=False)}:\n    - {json.dumps(line)}")


@key.command()
@click.argument("file", type=FILE)
@format_option
def show(file: Path, form: str) -> None:
    """Show the public part of a key, private or public, and the keyid that signatures name it by."""
    from governance import signing

    public = (
        open_private(file).public_key()
        if b"PRIVATE KEY" in _read(file)
        else signing.load_public(read_public(file))
    )
    described = _described(public)
    if form == "json":
        write_json("key", described)
    else:
        click.echo(described["public"])
        talk(f"keyid {described['keyid']}")


def open_private(file: Path) -> PrivateKey:
    """The private key in a file; its passphrase is asked for at the terminal if it needs one."""
    from governance.signing import PassphraseNeeded, load_private

    try:
        return load_private(file)
    except PassphraseNeeded:
        return load_private(file, click.prompt(f"Passphrase of {file}", hide_input=True, err=True))


def sign_statement(statement: Mapping[str, Any], file: Path) -> Signature:
    """The signature of the key in a file over an in-toto Statement."""
    from governance.canonical import canonical
    from governance.domain.signature import IN_TOTO
    from governance.signing import sign

    return sign(open_private(file), IN_TOTO, canonical(dict(statement)))


def read_public(file: Path) -> str:
    """The text of a public key in a file.

    Raises:
        UsageError: it cannot be read, or is no text.
    """
    from governance.errors import UsageError

    try:
        return _read(file).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no public key.", "To see one: governance key show FILE") from error


def _read(file: Path) -> bytes:
    from governance.errors import NotFound, UsageError

    try:
        with file.open("rb") as opened:
            return opened.read(65_536)
    except FileNotFoundError as error:
        raise NotFound(
            f"There is no file {file}.", "Make a key with: governance key new --name NAME --output FILE"
        ) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


def _described(public: PublicKey) -> dict[str, Any]:
    from governance import signing

    return {
        "algorithm": signing.algorithm(public),
        "keyid": signing.keyid(public),
        "public": signing.public_line(public),
    }
