"""What tills call a row that is no sale, one that gives money back, and one that is a sale like others."""

from __future__ import annotations

import re
from typing import Final

NO_SALE: Final = re.compile(
    r"fail|void|cancel|declin|pending|abort|training|storn|abbruch|annul|anula|geannul|schulung|fehlgeschlagen"
    r"|unpaid|unbezahlt|impay|draft|entwurf|delet|gelösch|supprim|proforma|quote\b|angebot|abgelehnt|refus|rechaz"
    r"|rifiut|geweiger|expire|abgelaufen|échou|fallid|fallit|mislukt|parked|on.hold|\bopen\b|\boffen\b|\btest\b"
    r"|payout|paid.?out|withdraw|transfer|\bfees?\b|\bfloat\b|no.?sale|opening|drawer",
    re.IGNORECASE,
)
REFUND: Final = re.compile(
    "refund|return(?!ing)|retour(?!geld)|rück(?!geld)|gutschrift|erstatt|rembours|devol|rimbors|terugbetal"
    r"|\breso\b|credit note",
    re.IGNORECASE,
)
# A sale like others, by its state, its kind, or how it was paid.
PLAIN_SALE: Final = re.compile(
    r"sales?|sold|paid|payment|purchase|completed?|closed|settled|success\w*|succeeded|ok|done|fulfilled|captured"
    r"|approved|accepted|confirmed|finali[sz]ed|processed|valid|normal|regular|standard|receipt|order|invoice"
    r"|verkauf|bezahlt|abgeschlossen|erfolgreich|zahlung|beleg|rechnung|umsatz|vente|payée?|terminée?|validée?"
    r"|venta|pagad[oa]|complet[oa]d?[oa]?|vendita|pagat[oa]|conclus[oa]|verkoop|betaald|voltooid|geslaagd"
    r"|cash|cards?|credit cards?|debit cards?|visa|master ?card|amex|bar|karte|ec|girocard|contactless"
    r"|online|in.?store|pos|web|shop|y|yes|ja|oui|si|sí|true|1",
    re.IGNORECASE,
)
# The name of a column that tells the state or the kind of a row.
STATE: Final = re.compile(
    r"(?<![^\W_])(?:status|state|zustand|statut|estado|stato|result|type|typ|art|vorgang|event|transaktionsart"
    r"|belegart|buchungsart)(?![^\W_])",
    re.IGNORECASE,
)
# ... but not one of these, which have words of their own.
OTHER_KIND: Final = re.compile(
    r"payment|zahlung|card|karte|tender|tax|steuer|customer|kunde|product|produkt|item|artikel|fulfil|shipping"
    r"|province|country|address|dining|file|source|device",
    re.IGNORECASE,
)

# What says "no" in a column whose name is a question.
NO: Final = frozenset(
    {"0", "0.00", "0,00", "n", "no", "non", "nein", "nee", "none", "f", "false", "falsch", "-"}
)
FLAGS: Final = NO | {"1"}
# Of a column of signs: what rather marks a refund, and what a sale.
SIGN_COLUMNS: Final = {"-": "+", "-1": "1", "d": "c", "dr": "cr", "debit": "credit", "s": "h"}
