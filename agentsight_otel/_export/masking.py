"""Masks: what is secret or personal in a text, by pattern.

The rules are regular expressions that Python and RE2 read alike: no look-around, no back-references, no count above
1000, ASCII classes. They take linear time: what could begin in many places ends within a bound. What a pattern alone
cannot tell, a checksum decides. ``collector_config/optional/redaction.yaml`` holds the same patterns.
"""

import functools
import hashlib
import itertools
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agentsight_otel import semconv

Mask = Callable[[str, Any], Any]
"""Gets a key and a value of a span; returns what is stored instead, None for nothing."""

_ESCAPE = re.compile(r"\\+u[0-9a-fA-F]{4}")
_GAP = "(?:[ \u00a0\u2007\u202f-]|\\\\{1,8}u(?:00a0|2007|202f))?"
"""A space or hyphen between groups of digits, also one that does not break, and as JSON may write it."""


def _card(text: str) -> int:
    digits = [int(character) for character in _ESCAPE.sub("", text) if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return 0
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return 0 if (sum(digits[-1::-2]) + sum(doubled)) % 10 else len(text)


def _iban(text: str) -> int:
    # The pattern may have taken a word too many: "… 1332 EUR".
    ends = [len(text), *(found.start() for found in re.finditer(r"[ \u00a0\u2007\u202f-]|\\+u", text))]
    return next((end for end in sorted(ends, reverse=True) if _is_iban(text[:end])), 0)


def _is_iban(text: str) -> bool:
    compact = re.sub(r"[ \u00a0\u2007\u202f-]", "", _ESCAPE.sub("", text))
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _phone(text: str) -> int:
    return len(text) if 8 <= sum(map(str.isdigit, _ESCAPE.sub("", text))) <= 15 else 0


@dataclass(frozen=True)
class Rule:
    """One thing to look for.

    Attributes:
        name: Of the mask it belongs to; what it finds becomes ``[name]``.
        pattern: In RE2's syntax. Its groups stay: the first before ``[name]``, the second after it.
        needs: Texts of which one at least is in whatever it finds; in lower case.
        digits: How many digits there are in whatever it finds, at least.
        check: How much of what was found between its groups is what was looked for, in characters; 0 for none. The
            collector has no checks, and takes all.
    """

    name: str
    pattern: str
    needs: tuple[str, ...] = ()
    digits: int = 0
    check: Callable[[str], int] | None = None


_SECRET_NAME = (
    r"(?:passw(?:or)?d|passphrase|pwd|secret|token|credential|(?:api|account|auth|encryption|private|signing)[_-]?key"
    r"|shared[_-]?access[_-]?(?:key|signature))(?:[_-]?(?:access[_-]?)?(?:key|id|value))?"
)
_IS = r"""\\{0,8}["']?\s{0,5}[:=]\s{0,5}"""
_SECRET_WORDS = ("passw", "passphrase", "pwd", "secret", "token", "credential", "key", "signature")
_TOKEN_BEGINNINGS = (
    *("eyj", "sk-", "sk_", "pk-", "pk_", "rk-", "rk_", "gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "akia", "asia", "aiza", "ya29.", "gocspx-", "hf_", "npm_", "whsec_", "sg.", "dop_v1_"),
    *("shpat_", "shpca_", "shppa_", "shpss_", ":aa"),
)
_DATABASES = (
    "(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|clickhouses?|cockroachdb|mssql|oracle|snowflake|ldaps?"
    "|s?ftps?|smtps?|kafka|nats)"
)

RULES = (
    Rule(
        "secret",
        r"""-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^"-]*(?:-{1,4}[^"-]+)*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?""",
        ("-----begin",),
    ),
    Rule(
        "secret",
        r"\b(?:eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?|(?:sk|pk|rk)[-_][A-Za-z0-9_-]{20,}"
        r"|gh[opusr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|glpat-[A-Za-z0-9_-]{20,}"
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}\b|AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,}"
        r"|GOCSPX-[0-9A-Za-z_-]{20,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|whsec_[A-Za-z0-9+/=]{20,}"
        r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|dop_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
        r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{33})",
        _TOKEN_BEGINNINGS,
    ),
    Rule("secret", r"(?i)(\b(?:bearer|basic)\s{1,5})[a-z0-9._~+/=-]{16,}", ("bearer", "basic")),
    # In quotes up to the closing one; the quotes may be those of JSON within JSON.
    Rule("secret", rf"""(?i)({_SECRET_NAME}{_IS}\\{{0,8}}")[^"\\]{{4,}}""", _SECRET_WORDS),
    Rule("secret", rf"""(?i)({_SECRET_NAME}{_IS}')[^'\\]{{4,}}""", _SECRET_WORDS),
    # Six characters at least: null, true and their like stay.
    Rule("secret", rf"""(?i)({_SECRET_NAME}{_IS})[^\s"'\\,;&{{}}\[\]]{{6,}}""", _SECRET_WORDS),
    # Passwords of databases may hold anything; in other URLs an @ may stand behind the host.
    Rule(
        "secret",
        rf"""(?i)(\b{_DATABASES}(?:\+[a-z0-9]{{1,20}})?://[^\s/:@"']{{0,100}}:)[^\s"'\\]{{1,200}}(@)""",
        ("://",),
    ),
    Rule("secret", r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,100}:)[^\s/@]{1,200}(@)", ("://",)),
    Rule(
        "email",
        r"\b[A-Za-z0-9._%+-]{1,64}(?:@|%40|\\{1,8}u0040)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        ("@", "%40", "u0040"),
    ),
    Rule(
        "iban",
        r"\b[A-Z]{2}[0-9]{2}(?:" + _GAP + r"[A-Z0-9]{4}){2,7}(?:" + _GAP + r"[A-Z0-9]{1,3})?\b",
        digits=2,
        check=_iban,
    ),
    # No issuer's numbers begin with 20: dates do.
    Rule(
        "card",
        r"(\b|_)(?:(?:2[2-7]|[3-6][0-9])[0-9]{2}(?:" + _GAP + r"[0-9]{4}){2}" + _GAP + r"[0-9]{1,7}"
        r"|3[47][0-9]{2}" + _GAP + r"[0-9]{6}" + _GAP + r"[0-9]{5})(\b|_)",
        digits=13,
        check=_card,
    ),
    Rule(
        "phone",
        r"(?:\+|\b00)[1-9][0-9]{0,2}[ .\u00a0\u2007\u202f-]?(?:\([0-9]{1,5}\)[ .\u00a0\u2007\u202f-]?)?[0-9]{2,5}"
        r"(?:[ .\u00a0\u2007\u202f-]?[0-9]{2,5}){1,4}\b"
        r"|\([0-9]{3}\)[ \u00a0\u2007\u202f]?[0-9]{3}[-. \u00a0\u2007\u202f][0-9]{4}\b"
        r"|\b[0-9]{3}[-.][0-9]{3}[-.][0-9]{4}\b".replace("\\u00a0\\u2007\\u202f", "\u00a0\u2007\u202f"),
        digits=8,
        check=_phone,
    ),
)
"""The built-in rules, applied in this order."""

NOT_MASKED = frozenset(
    {semconv.CONVERSATION_ID, semconv.TURN_ID, semconv.SPAN_KIND, semconv.GEN_AI_OPERATION_NAME, semconv.CLIENT_ADDRESS}
)
"""Attributes that are kept as they are: what is counted by."""

_LONGEST_KEPT_NAME = 256
_SHORTEST = 6
_DIGIT = re.compile("[0-9]")
_SMALLEST_NUMBER = 10**12  # no card's number is shorter


class BuiltinMasks:
    """A mask of built-in rules.

    What it finds becomes ``[email]`` and so on. In ``user.id`` the whole value becomes ``[email:1f3a…]``, with a part
    of its SHA-256, so that customers still count one by one. Ids of conversations and turns stay. JSON stays JSON.

    Args:
        names: Of ``config.MASKS``.
    """

    def __init__(self, names: Iterable[str]) -> None:
        chosen = frozenset(names)
        rules = [(rule, re.compile(rule.pattern, re.ASCII)) for rule in RULES if rule.name in chosen]
        # What neighbours need is looked for once.
        self._groups = [(*needed, list(group)) for needed, group in itertools.groupby(rules, _what_it_needs)]
        self._kept_name = functools.lru_cache(maxsize=2_048)(self._masked_name)

    def __call__(self, key: str, value: Any) -> Any:
        """The value as it may leave."""
        if isinstance(value, str):
            if key in NOT_MASKED or len(value) < _SHORTEST:
                return value
            after = self.text(value)
            if key == semconv.USER_ID and after != value:
                kind = after.partition("[")[2].partition("]")[0]
                return f"[{kind}:{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}]"
            return after
        if isinstance(value, (int, float)):
            if not _SMALLEST_NUMBER <= abs(value) < 10**19:
                return value
            text = str(int(value))
            after = self._apply(text)
            return value if after == text else after
        if isinstance(value, bytes):
            return self._apply(value.decode("latin-1")).encode("latin-1")
        return value

    def name(self, name: str) -> str:
        """The key of an attribute as it may leave; there are the same few most of the time."""
        return self._kept_name(name) if len(name) <= _LONGEST_KEPT_NAME else self._masked_name(name)

    def text(self, text: str) -> str:
        """A text as it may leave; one that was JSON still is."""
        after = self._apply(text)
        if after != text and text[:1] in ("{", "[") and not _is_json_still(text, after):
            try:
                return json.dumps(self._member("", json.loads(text)), ensure_ascii=False, separators=(",", ":"))
            except (ValueError, RecursionError):  # it was none
                return after
        return after

    def _apply(self, text: str) -> str:
        contained = text.lower().__contains__
        digits = len(_DIGIT.findall(text))
        for needs, needed_digits, rules in self._groups:
            if digits >= needed_digits and (not needs or any(map(contained, needs))):
                for rule, pattern in rules:
                    text = pattern.sub(functools.partial(_replaced, rule), text)
        return text

    def _member(self, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {self._masked_name(key): self._member(key, member) for key, member in value.items()}
        if isinstance(value, list):
            return [self._member(name, item) for item in value]
        if value is None or isinstance(value, bool):
            return value
        # What a secret is called tells that it is one.
        before = f"{name}: "
        written = self.text(value) if isinstance(value, str) else str(value)
        after = self._apply(before + written)
        if not after.startswith(before):
            after = before + self._apply(written)
        return value if after == f"{before}{value}" else after[len(before) :]

    def _masked_name(self, name: str) -> str:
        return name if len(name) < _SHORTEST else self._apply(name)


def builtin(names: Iterable[str]) -> BuiltinMasks:
    """The mask of the built-in rules of these names, of ``config.MASKS``."""
    return BuiltinMasks(names)


def _what_it_needs(compiled: "tuple[Rule, re.Pattern[str]]") -> tuple[tuple[str, ...], int]:
    return compiled[0].needs, compiled[0].digits


def _is_json_still(before: str, after: str) -> bool:
    """Whether a text is JSON, with JSON in its texts, where it was so before."""
    try:
        was = json.loads(before)
    except (ValueError, RecursionError):
        return True
    try:
        return _texts_are_still(was, json.loads(after))
    except (ValueError, RecursionError):
        return False


def _texts_are_still(was: Any, now: Any) -> bool:
    if isinstance(was, str):
        return was == now or was[:1] not in ("{", "[") or _is_json_still(was, str(now))
    if isinstance(was, dict):
        was, now = list(was.values()), list(now.values()) if isinstance(now, dict) else now
    if isinstance(was, list):
        return isinstance(now, list) and all(map(_texts_are_still, was, now))
    return True


def _replaced(rule: Rule, found: "re.Match[str]") -> str:
    before, after = (*found.groups(), "", "")[:2]
    whole = found[0][len(before) : len(found[0]) - len(after)]
    end = len(whole) if rule.check is None else rule.check(whole)
    return f"{before}[{rule.name}]{whole[end:]}{after}" if end else found[0]
