"""What no listing of the corpus may hold, whatever it is an example of: a bad example advertises, it does not deliver.

Patterns, so they err on the side of refusing. Of real persons they see what leads to one (an address, a number, a
handle), never the name: no list says which names are somebody's and which are a novel's. Nor do they see slurs. The
prompts forbid both, and a reader has to look.

| reason | what is refused |
|---|---|
| live link | a web address, a domain that could exist, an IP address; also as "hxxp" or "name dot com" |
| e-mail address | also as "name at host dot com"; the reserved example domains are allowed, for links too |
| phone number | international or North American form; the fictional 555-01xx numbers are allowed |
| street address | a house number with a street, as English, German, French, Spanish and Portuguese write it |
| social handle | an @name behind a messenger's name or a word such as "follow"; a long or unusual one anywhere |
| card or wallet number | card (Luhn), IBAN (mod 97), Bitcoin-like or Ethereum address |
| minors and sexual content | a word for minors and a sexual word anywhere in one text |
| instructions for harm | worked steps, a recipe or code beside a word for weapons, explosives or malware |
"""

from __future__ import annotations

import re

from modsmith.normalise import normalise

MINORS = "minors and sexual content"
HARM = "instructions for harm"
NEVER_KEPT = (MINORS, HARM)
"""What is not even kept among the rejected records."""


def broken_limit(text: str) -> str | None:
    """The first limit of the module's table that `text` breaks, or `None`. Never raises."""
    return must_not_be_kept(text) or next((reason for reason, finds in _CONTACT if finds(text)), None)


def must_not_be_kept(text: str) -> str | None:
    """As `broken_limit`, for the two limits whose text is withheld from every file."""
    views = (text.lower(), normalise(text))  # disguises are read through, but folding must not hide anything
    if any(_MINOR.search(view) and _SEXUAL.search(view) for view in views):
        return MINORS
    return HARM if any(_HAZARD.search(view) for view in views) and _instructs(text) else None


# --- ways out of the listing -----------------------------------------------------------------------------------------

_TLD = (
    "com|net|org|info|biz|io|gg|me|ru|cn|xyz|shop|app|co|tv|cc|to|link|site|online|store|club|dev|onion|uk|de|fr|eu|us"
)
_SPELT_TLD = "com|net|org|info|io|gg|ru|xyz"
"""Of those spelt out ("name dot com"): not those that are words, as in "dot to dot"."""
_RESERVED = re.compile(r"\b(?:[\w-]+\.)*example(?:\.(?:com|net|org))?\b|\b[\w-]+\.(?:test|invalid)\b", re.IGNORECASE)
_LINK = re.compile(
    r"\bh(?:tt|xx)ps?\s?:|\bwww\s?\.|"
    rf"\b[a-z0-9][a-z0-9-]*\.(?:{_TLD})\b(?!\.\w)|"
    rf"\b[a-z0-9-]{{2,}}\s?[(\[]?\bdot\b[)\]]?\s?(?:{_SPELT_TLD})\b",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"[\w.+-]+@[\w-]+\.[a-z]{2,}|"
    rf"\w\s?[(\[]at[)\]]\s?[\w-]+\s?(?:\.|[(\[]?\bdot\b[)\]]?)\s?(?:{_TLD})\b|"
    rf"\w\s+at\s+[\w-]+\s+[(\[]?dot[)\]]?\s+(?:{_SPELT_TLD})\b",
    re.IGNORECASE,
)
_IP = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_PHONE = re.compile(
    r"(?<![\w+])\+\d{1,3}[ ()./-]{0,2}(?:\d[ ()./-]{0,2}){7,13}\d(?!\d)|"
    r"(?<![\w-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"
)
_HANDLE = re.compile(
    r"\b(?:telegram|whatsapp|signal|wickr|discord|session|snapchat|instagram|tg|insta|tiktok|twitter|"
    r"follow|dm|pm|message|contact|write|text|add|ask|find)(?: (?:me|us|him|her|them|to|on|at))*\b\W{0,6}@\w{3,}",
    re.IGNORECASE,
)
_BARE_HANDLE = re.compile(r"(?<![\w.@/])@([a-z_][\w.]{2,})", re.IGNORECASE)
_NOBODYS_HANDLE = re.compile(
    r"(?:your\w*|user_?name|handle|example|everyone|here|channel|"
    r"media|import|keyframes|font|supports|charset|page|layer|tailwind|override|property|dataclass|staticmethod)\.?",
    re.IGNORECASE,
)
"""Placeholders, and what style sheets and programs write."""

_NAME = r"[^\W\d_][\w'’.-]*"
_HOUSE = r"\d{1,5}[a-z]?"
_STREET = re.compile(
    # 12 Maple Street, Leeds; the street has to end there: "12 Urban Street Brushes" is no address
    rf"\b{_HOUSE},? (?:{_NAME} ){{1,3}}(?:street|avenue|ave|road|rd|lane|boulevard|blvd)\b\.?"
    r"(?=\s*(?:$|[,;)\n]|\.(?:\s|$)|\d|(?:apt|flat|unit|suite)\b))|"
    rf"\b{_NAME}(?:straße|strasse|str\.) ?{_HOUSE}\b|"
    rf"\b{_HOUSE},? (?:bis )?(?:rue|avenue|boulevard|impasse) (?:de |du |des |la |le |les |d['’])*{_NAME}|"
    rf"\b(?:calle|avenida|rua|travessa) (?:de |del |da |do |das |dos |la |el )*{_NAME}(?: {_NAME})?,? "
    rf"(?:n[.ºo°]* ?)?{_HOUSE}\b",
    re.IGNORECASE | re.MULTILINE,
)


def _links(text: str) -> bool:
    text = _RESERVED.sub("", text)
    addresses = (match[0].split(".") for match in _IP.finditer(text))
    return bool(_LINK.search(text)) or any(all(int(part) < 256 for part in parts) for parts in addresses)


def _mails(text: str) -> bool:
    return bool(_MAIL.search(_RESERVED.sub("", text)))


def _phones(text: str) -> bool:
    for match in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if re.search(r"55501\d\d$", digits) or digits.endswith("000000"):  # fictional; or a round count
            continue
        return True
    return False


def _handles(text: str) -> bool:
    """A bare @name counts when it is long or holds more than small letters: "@round" is leetspeak."""
    bare = (match[1] for match in _BARE_HANDLE.finditer(text) if not _NOBODYS_HANDLE.fullmatch(match[1]))
    found = any(len(name) >= 8 or re.search(r"[\d_A-Z]|\.\w", name) for name in bare)
    return found or any(not _NOBODYS_HANDLE.fullmatch(match[0].rpartition("@")[2]) for match in _HANDLE.finditer(text))


def _streets(text: str) -> bool:
    return bool(_STREET.search(text))


# --- numbers that move money -----------------------------------------------------------------------------------------

_CARD = re.compile(r"(?<![\d.])[3-6](?:[ -]?\d){12,18}(?![\d.])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_WALLET = re.compile(r"\b0x[0-9a-fA-F]{40}\b|\bbc1[a-z0-9]{20,87}\b|\b[1-9A-HJ-NP-Za-km-z]{26,108}\b")


def _accounts(text: str) -> bool:
    return (
        any(_luhn(re.sub(r"\D", "", match[0])) for match in _CARD.finditer(text))
        or any(_mod_97(match[0].replace(" ", "")) for match in _IBAN.finditer(text))
        or any(_is_wallet(match[0]) for match in _WALLET.finditer(text))
    )


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right is doubled; the digit sum is a multiple of ten."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return len(set(digits)) > 1 and sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _mod_97(iban: str) -> bool:
    """ISO 13616: country and check digits moved behind, letters as 10 to 35, remainder 1."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _is_wallet(word: str) -> bool:
    """A long word of base 58 is an address only when it mixes cases and digits as chance does."""
    kinds = (str.isdigit, str.islower, str.isupper)
    return word.startswith(("0x", "bc1")) or all(sum(map(kind, word)) >= 3 for kind in kinds)


_CONTACT = (
    ("e-mail address", _mails),
    ("live link", _links),
    ("phone number", _phones),
    ("social handle", _handles),
    ("street address", _streets),
    ("card or wallet number", _accounts),
)

# --- minors ----------------------------------------------------------------------------------------------------------

_MINOR = re.compile(
    r"\b(?:child(?:ren)?(?:'?s)?|kids?(?:'s)?|minors|minor (?:girl|boy)s?|under[- ]?aged?|pre-?teens?|"
    r"teen(?:s|age|aged|agers?)?|toddlers?|infants?|bab(?:y|ies)|school[- ]?(?:girl|boy|kid)s?|little (?:girl|boy)s?|"
    r"lolis?|lolita|lolicon|shota(?:con)?|jailbait|(?:[1-9]|1[0-7])[- ]?(?:years?[- ]old|y/?o)|under (?:18|eighteen)|"
    r"kinder[ns]?|kindes|minderjährige[rn]?|niñ[oa]s?|menor(?:es)? de edad|menores|enfants?|mineure?s|bambin[oaie]|"
    r"minorenn[ei]|crianças?)\b"
)
_SEXUAL = re.compile(
    r"\b(?:sex|sexy|sexual\w*|sexting|sexo|sexe|sesso|nudes?|nudity|naked|nackt\w*|desnud\w+|topless|porno?\w*|erotic\w*|"
    r"erotik\w*|erótic\w+|nsfw|xxx|fetish\w*|lewd\w*|hentai|ecchi|lingerie|orgasm\w*|masturbat\w*|kink\w*|bdsm|camgirl\w*|"
    r"only-?fans|strip-?tease|upskirt\w*|18\+ (?:content|pictures|videos?|clips?|photos?|images|set))(?!\w)"
)

# --- instructions ----------------------------------------------------------------------------------------------------

_HAZARD = re.compile(
    r"\b(?:explosives?|detonat\w+|pipe[- ]?bombs?|bombs?|gunpowder|nitroglycerin\w*|thermite|napalm|molotov\w*|"
    r"poison gas|nerve agents?|ricin|receivers?|suppressors?|silencers?|auto[- ]?sears?|full[- ]?auto(?:matic)?|"
    r"ghost guns?|firearms?|guns?|rifles?|pistols?|ammunition|ammo|malware|ransomware|key-?loggers?|stealers?|"
    r"trojans?|botnets?|remote access|rats?|phishing|exploits?|payloads?|reverse shells?|credential harvest\w*|"
    r"sprengstoff\w*|bombe|waffen?|explosivos?|explosifs?)\b"
)
_STEP = re.compile(
    r"^\W*(?:step\s*\d+\W*|\d+\W+|[-*•]\s*|(?:first|then|next|finally|now)\W+)(?:carefully\s+|slowly\s+)?"
    r"(?:add|attach|assemble|bend|boil|bore|clone|compile|combine|connect|cut|deploy|disable|dissolve|drill|encode|"
    r"execute|file|fill|flash|glue|grind|heat|inject|insert|install|mill|mix|obfuscate|paste|pour|press|pull|remove|replace|"
    r"run|screw|send|set|solder|stir|swap|tap|upload|weld|wire|wrap)\b",
    re.IGNORECASE | re.MULTILINE,
)
_CODE = re.compile(
    r"```|^\s*(?:(?-i:import [\w.]+(?: as \w+)?\s*$)|from [\w.]+ import|def \w+\(|function \w*\(|#include\b|\$ \w+)|"
    r"<form\b|<script\b|\bpowershell(?:\.exe)? -|\bcurl -|\bbase64 -d|"
    r"\b(?:eval|exec|system|fetch|urlopen|VirtualAlloc)\(",
    re.IGNORECASE | re.MULTILINE,
)
_DOSE = re.compile(
    r"\b\d+(?:[.,]\d+)?\s?(?:g|kg|mg|ml|l|oz|grams?|grammes?|parts?|cups?|%)\s(?:of\s)?\w*\s?"
    r"(?:nitrate|perchlorate|chlorate|peroxide|acetone|sulph?ur|acid|alumini?um|magnesium|charcoal|ammonium|potassium|hexamine)\b",
    re.IGNORECASE,
)


def _instructs(text: str) -> bool:
    """Three worked steps, two doses of a recipe, or code."""
    return len(_STEP.findall(text)) >= 3 or len(_DOSE.findall(text)) >= 2 or bool(_CODE.search(text))
