"""Names that people type: one spelling for comparison, and the test for look-alikes.

Two spellings that differ in case, compatibility form or surrounding white space are one name. A
name that merely *looks* like another is a different name, and near a protected one it is refused.
"""

from __future__ import annotations

import unicodedata
from fnmatch import fnmatchcase

# Letters outside ASCII that are drawn like an ASCII letter, capitals apart from small ones because
# "Η" looks like "H" while "η" looks like "n". Combining marks and full-width forms need no entry.
_LOOK_ALIKES = str.maketrans(
    dict(
        zip(
            "АВЕКМНОРСТУХЅІЈԌԚԜавекмнорстухѕіјԁԛԝһӏьпгѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβεηικνορτυχγωσϲϳıȷłŁøØđĐħƒɡɑʟɪᴏⅼ",
            "ABEKMHOPCTYXSIJGQWabekmhopctyxsijdqwhlbnrvABEZHIKMNOPTYXabenikvoptuxywocjijlLoOdDhfgaLIol",
            strict=True,
        )
    )
)
_STROKES = str.maketrans("0135i|", "olesll")
"""Drawn almost alike in small letters: 0 o, 1 i l |, 3 e, 5 s."""

_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹘﹣－", "-"))


def canonical_name(text: str) -> str:
    """The one spelling of a name: NFKC, case folded, without surrounding white space; idempotent."""
    folded = text
    # Folding can undo normalisation and stripping can uncover a mark that composes; a few rounds settle.
    while (step := unicodedata.normalize("NFKC", folded).casefold().strip()) != folded:
        folded = step
    return folded


def skeleton(text: str) -> str:
    """What is left of a name for a hurried reader: small ASCII letters where they are drawn alike."""
    decomposed = unicodedata.normalize("NFKD", text)
    # Cf: zero-width and directional characters. M: marks over letters. Z, Cc: white space.
    kept = "".join(c for c in decomposed if unicodedata.category(c)[0] not in "MZC")
    folded = canonical_name(kept.translate(_LOOK_ALIKES).translate(_DASHES))
    return folded.translate(_LOOK_ALIKES).translate(_STROKES).replace("rn", "m").replace("vv", "w")


def looks_like(name: str, protected: str) -> bool:
    """Whether a name is another name than `protected` and yet reads like it."""
    return canonical_name(name) != canonical_name(protected) and skeleton(name) == skeleton(protected)


def matches(name: str, pattern: str) -> bool:
    """Whether a name, in its one spelling, matches a glob pattern."""
    return fnmatchcase(canonical_name(name), canonical_name(pattern))


def imitates(name: str, pattern: str) -> bool:
    """Whether a name does not match a glob pattern and yet reads as if it did."""
    return not matches(name, pattern) and fnmatchcase(skeleton(name), skeleton(pattern))


def disjoint(a: str, b: str) -> bool:
    """Whether two glob patterns provably have no name in common; in doubt they have."""
    a, b = canonical_name(a), canonical_name(b)
    if _fixed(a) == a:
        return not fnmatchcase(a, b)
    if _fixed(b) == b:
        return not fnmatchcase(b, a)
    return not (_fixed(a).startswith(_fixed(b)) or _fixed(b).startswith(_fixed(a)))


def _fixed(pattern: str) -> str:
    """The part of a pattern before its first wild card."""
    return pattern[: min((i for i, c in enumerate(pattern) if c in "*?["), default=len(pattern))]
