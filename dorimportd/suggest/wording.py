"""What tills call a row that is no sale, one that gives money back, and one that is a sale like others."""

from __future__ import annotations

import re
from typing import Final

NO_SALE: Final = re.compile(
    r"fail|void|cancel|declin|pending|abort|training|storn|abbruch|annul|anula|geannul|schulung|fehlgeschlagen"
    r"|unpaid|unbezahlt|impay|draft|entwurf|delet|gelösch|supprim|proforma|quote\b|angebot|abgelehnt|refus|rechaz"
    r"|rifiut|geweiger|expire|abgelaufen|échou|fallid|fallit|mislukt|parked|on.hold|\bopen\b|\boffen\b|\btest\b"
    r"|payout|paid.?out|withdraw|transfer|\bfees?\b|\bfloat\b|no.?sale|opening|drawer|\binvalid|inactive|ungültig"
    r"|makuler|peruut|zrušen|iptal|отмен|аннул|取消|作废|キャンセル|취소",
    re.IGNORECASE,
)
REFUND: Final = re.compile(
    "refund|return(?!ing)|retour(?!geld)|rück(?!geld)|gutschrift|erstatt|rembours|devol|rimbors|terugbetal"
    r"|\breso\b|credit note|\bretur|palautus|zwrot|vrácen|vratka|\biade\b|возврат"
    r"|退货|退款|返品|返金|환불|반품",
    re.IGNORECASE,
)
# The same, abbreviated: credit note, refund, return, nota de crédito, Gutschrift.
REFUND_CODE: Final = re.compile("crn?|cn|rf|rfn?d|ref|ret|rtn|nc|gs", re.IGNORECASE)
# The letters before the number of a receipt.
SERIES: Final = re.compile(r"[A-Za-z]{1,4}(?=[-_/ ]?[0-9])")
# What was voided: a row, or the amounts in a column of this name.
VOIDED: Final = re.compile("void|cancel|storn|annul|anula", re.IGNORECASE)
# The name of a column that says yes of a sale that counts.
GOOD_SALE: Final = re.compile(
    r"(?<![^\W_])(?:valid|active|paid|complet|approved|success|captured|settled|confirmed|finali[sz]ed|posted|closed"
    r"|gültig|aktiv|bezahlt|abgeschlossen|valide|actif|payé|pagad|pagat|betaald|voltooid|geldig|activ|attiv)",
    re.IGNORECASE,
)
# A sale like others, by its state, its kind, or how it was paid.
PLAIN_SALE: Final = re.compile(
    r"sales?|sold|paid|payment|purchase|completed?|closed|settled|success\w*|succeeded|ok|done|fulfilled|captured"
    r"|approved|accepted|confirmed|finali[sz]ed|processed|valid|normal|regular|standard|receipt|order|invoice"
    r"|verkauf|bezahlt|abgeschlossen|erfolgreich|zahlung|beleg|rechnung|umsatz|vente|payée?|terminée?|validée?"
    r"|venta|pagad[oa]|complet[oa]d?[oa]?|vendita|pagat[oa]|conclus[oa]|verkoop|betaald|voltooid|geslaagd"
    r"|cash|cards?|credit cards?|debit cards?|visa|master ?card|amex|bar|karte|ec|girocard|contactless"
    r"|online|in.?store|pos|web|shop|y|yes|ja|oui|si|sí|true|1|köp|salg|sprzedaż|prodej|satış|venda|продажа|销售|売上|판매",
    re.IGNORECASE,
)
# The name of a column that tells the state or the kind of a row.
STATE: Final = re.compile(
    r"(?<![^\W_])(?:status|state|zustand|statut|estado|stato|result|type|typ|art|vorgang|event|transaktionsart"
    r"|belegart|buchungsart|tipo|situação|situación|soort|kind|action|operation|opération|operación|operazione|stav|tila|durum|тип|статус|类型|状态|区分|구분|상태)(?![^\W_])",
    re.IGNORECASE,
)
# ... but not one of these, which have words of their own.
OTHER_KIND: Final = re.compile(
    r"payment|zahlung|card|karte|tender|tax|steuer|mwst|(?<![^\W_])vat(?![^\W_])|customer|kunde|product|produkt|item|artikel|fulfil|shipping"
    r"|province|country|address|dining|file|source|device",
    re.IGNORECASE,
)

# ... unless it tells what became of the payment.
STATE_OF_PAYMENT: Final = re.compile(
    r"(?:payment|zahl|paiement|pago|pagamento|betal|card|tender|transaction).*(?:status|state|statut|estado|stato|result)"
    r"|zahlstatus",
    re.IGNORECASE,
)

# What says "no" in a column whose name is a question.
NO: Final = frozenset(
    {"0", "0.00", "0,00", "n", "no", "non", "nein", "nee", "none", "f", "false", "falsch", "-"}
)
# Of a column of signs: what rather marks a refund, and what a sale.
SIGN_COLUMNS: Final = {"-": "+", "-1": "1", "d": "c", "dr": "cr", "debit": "credit", "s": "h"}
