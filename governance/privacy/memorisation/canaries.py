"""Canaries: secrets drawn by chance and bound by a digest before training, some planted and some not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Formatter

import numpy as np

from governance.canonical import digest
from governance.errors import UsageError

DIGITS = tuple("0123456789")

LARGEST_BITS = 1000
"""Beyond it, the number of texts is no floating-point number."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """Texts of one format, drawn without replacement and with equal chances from all of its fillings."""

    template: str
    """A text with one `{}` for each slot, for example `my PIN is {}{}{}{}`."""
    fillings: tuple[str, ...]
    """What may stand in a slot."""
    planted: tuple[str, ...]
    """Texts to train on."""
    held_out: tuple[str, ...]
    """Texts that are never trained on: what is found of them is the attack's own false alarm."""
    times: int
    """How often each planted text stands in the training data."""
    seed: int

    @property
    def slots(self) -> int:
        """How many slots the format has."""
        return _slots(self.template)

    @property
    def space(self) -> int:
        """|R|: how many texts the format allows."""
        return int(len(self.fillings) ** self.slots)

    @property
    def lines(self) -> tuple[str, ...]:
        """What to add to the training data."""
        return self.planted * self.times

    @property
    def commitment(self) -> str:
        """SHA-256 of everything drawn, to be published before training.

        Whoever knows it and the format can try out seeds: take one of 128 random bits if they should
        not find the canaries by it.
        """
        return digest(
            {
                "template": self.template,
                "fillings": list(self.fillings),
                "planted": list(self.planted),
                "held_out": list(self.held_out),
                "times": self.times,
                # As text: canonical JSON has no numbers of 128 bits.
                "seed": str(self.seed),
            }
        )

    def opens(self, commitment: str) -> bool:
        """Whether these are the canaries that were committed to."""
        return self.commitment == commitment

    def texts(self, numbers: Sequence[int]) -> list[str]:
        """The texts of that number among all, 0 … space − 1."""
        return [self.template.format(*self._filled(number)) for number in numbers]

    def others(self) -> Iterator[str]:
        """Every text of the format that was not drawn; for small formats only."""
        drawn = {*self.planted, *self.held_out}
        for number in range(self.space):
            text = self.template.format(*self._filled(number))
            if text not in drawn:
                yield text

    def sample(self, n: int, seed: np.random.SeedSequence) -> list[str]:
        """`n` different texts of the format that were not drawn, each set of n equally likely."""
        drawn = {*self.planted, *self.held_out}
        return [text for text in self.texts(_draw(self.space, n + len(drawn), seed)) if text not in drawn][:n]

    def _filled(self, number: int) -> Iterator[str]:
        base = len(self.fillings)
        for slot in reversed(range(self.slots)):
            yield self.fillings[number // base**slot % base]


def draw(
    template: str,
    *,
    seed: int,
    planted: int = 20,
    held_out: int = 20,
    times: int = 1,
    fillings: Sequence[str] = DIGITS,
) -> Canaries:
    """Draw canaries; same arguments, same canaries.

    Args:
        template: A text with one `{}` for each slot.
        seed: The only source of chance, and what opens the commitment; any size.
        planted: How many are to be trained on.
        held_out: How many are not.
        times: How often each stands in the training data; rarely seen text is what a person's is.
        fillings: What may stand in a slot.
    """
    different = tuple(dict.fromkeys(fillings))
    slots = _slots(template)
    space = len(different) ** slots
    if len(different) != len(fillings) or planted < 1 or held_out < 0 or times < 1:
        raise UsageError("Canaries need different fillings, one or more planted, and one or more times each")
    if len({len(filling) for filling in different}) > 1 and "}{" in template:
        raise UsageError(
            "Fillings of different lengths in slots side by side: two of them can give one text",
            "Take fillings of the same length, or put something between the slots.",
        )
    if space.bit_length() > LARGEST_BITS:
        raise UsageError(
            f"A format of more than 2^{LARGEST_BITS} texts is no format of secrets", "Take fewer slots."
        )
    if space < 10 * (planted + held_out):
        raise UsageError(
            f"A format of {space} texts is too small for {planted + held_out} canaries",
            "Add slots to the format, or draw fewer canaries.",
        )
    blank = Canaries(template, different, (), (), times, seed)
    texts = blank.texts(_draw(space, planted + held_out, np.random.SeedSequence(seed)))
    return Canaries(template, different, tuple(texts[:planted]), tuple(texts[planted:]), times, seed)


def _slots(template: str) -> int:
    try:
        parts = list(Formatter().parse(template))
        fields = [name + (spec or "") + (kind or "") for _, name, spec, kind in parts if name is not None]
    except ValueError:
        fields = ["?"]
    if not fields or any(fields):
        raise UsageError(
            "A format has one or more slots, each written {}", 'For example "my PIN is {}{}{}{}".'
        )
    return len(fields)


def _draw(space: int, n: int, seed: np.random.SeedSequence) -> list[int]:
    """n different numbers below `space`, however large that is, in random order."""
    random = np.random.default_rng(seed)
    if space <= 1 << 20:
        return [int(number) for number in random.permutation(space)[:n]]
    words = math.ceil(space.bit_length() / 32)
    found: dict[int, None] = {}
    while len(found) < n:
        number = int.from_bytes(random.bytes(4 * words), "little") >> (32 * words - space.bit_length())
        # Numbers beyond the space are thrown away, so that all within are equally likely.
        if number < space:
            found[number] = None
    return list(found)
