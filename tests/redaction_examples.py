"""What the SDK's masks and the collector's redaction do to the same texts."""

# The letters of tokens are made at run time: nothing here is one, and no scanner of secrets takes it for one.
TOKEN = "aB3" * 14
LONG = TOKEN * 100
PEM = "PRIVATE KEY-----"

REPLACED = {
    "mail to maria.p+x@example.co.uk, please": "mail to [email], please",
    "mailto:ann_lee@example.com": "mailto:[email]",
    "call +30 210 123 4567 or 0030 6912345678": "call [phone] or [phone]",
    "call +1 (415) 555-0199.": "call [phone].",
    "call (415) 555-2671, 415-555-2671.": "call [phone], [phone].",
    "card 4111 1111 1111 1111 exp 12/29": "card [card] exp 12/29",
    "card 5500-0000-0000-0004, 378282246310005": "card [card], [card]",
    "amex 3782-822463-10005!": "amex [card]!",
    "to GR16 0110 1250 0000 0001 2300 695 today": "to [iban] today",
    "DE89370400440532013000": "[iban]",
    f"Authorization: Bearer {TOKEN}": "Authorization: Bearer [secret]",
    f"authorization: basic  {LONG}== now": "authorization: basic  [secret] now",
    f"key sk-{TOKEN} and ghp_{TOKEN}": "key [secret] and [secret]",
    f"pk_live_{TOKEN}, github_pat_{TOKEN}, glpat-{TOKEN}": "[secret], [secret], [secret]",
    f"xoxb-{TOKEN}; AIza{TOKEN[:35]}": "[secret]; [secret]",
    f"eyJ{TOKEN}.{TOKEN}.{TOKEN}": "[secret]",
    f"eyJ{TOKEN}.eyJ{LONG}.{LONG} and": "[secret] and",
    "AKIA" + "ABCDEFGH12345678": "[secret]",
    '{"password": "hunter2!", "user": "x"}': '{"password": "[secret]", "user": "x"}',
    r'{"a": "{\"passwd\": \"hunter2!\"}"}': r'{"a": "{\"passwd\": \"[secret]\"}"}',
    "api_key=abcd1234&x=1": "api_key=[secret]&x=1",
    "DB_PASSWORD='hunter22' REFRESH-TOKEN: abcd1234": "DB_PASSWORD='[secret]' REFRESH-TOKEN: [secret]",
    "postgres://user:hunter22@db/x redis://:hunter22@db": "postgres://user:[secret]@db/x redis://:[secret]@db",
    "postgres://u:p@ss/word@h/db amqp+ssl://u:a:b@h": "postgres://u:[secret]@h/db amqp+ssl://u:[secret]@h",
    "AWS_SECRET_ACCESS_KEY=aB3/aB3aB3+x SECRET_KEY=aB3aB3": "AWS_SECRET_ACCESS_KEY=[secret] SECRET_KEY=[secret]",
    "PGPASSWORD=hunter22 psql; MYSQL_PWD=hunter22": "PGPASSWORD=[secret] psql; MYSQL_PWD=[secret]",
    "/login?token=aB3aB3aB3&x=1": "/login?token=[secret]&x=1",
    'password: \'p, ss; word\' and "secret": "p, ss; word"': 'password: \'[secret]\' and "secret": "[secret]"',
    r'{"a": "{\"b\": \"{\\\"pwd\\\": \\\"aB3aB3\\\"}\"}"}': r'{"a": "{\"b\": \"{\\\"pwd\\\": \\\"[secret]\\\"}\"}"}',
    f"hf_{TOKEN} npm_{TOKEN[:36]} ya29.{TOKEN}": "[secret] [secret] [secret]",
    "card_4111111111111111_x, 4111\u00a01111\u00a01111\u00a01111": "card_[card]_x, [card]",
    r"4111\u00a01111\u00a01111\u00a01111": "[card]",
    "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000 +30\u00a0210\u00a0123\u00a04567": "[iban] [phone]",
    "?to=maria%40example.com": "?to=[email]",
    f"-----BEGIN RSA {PEM}\n{TOKEN}\n-----END RSA {PEM}": "[secret]",
    f"a\n-----BEGIN {PEM}\nDEK-Info: AES-128-CBC,1\n\n{TOKEN}\n-----END {PEM}\nb": "a\n[secret]\nb",
    f'{{"key": "-----BEGIN {PEM}\\n{LONG}", "x": 1}}': '{"key": "[secret]", "x": 1}',
}
"""Both replace this, and say the same instead."""

KEPT = [
    "order 1001 of 2026-11-24, 3.50 EUR, flight TS 77",
    "order 2026-11-24-000123",
    "the secret of a good password is its length",
    '{"password": null, "api_key": ""}',
    '{"input_tokens": 1234567, "max_tokens": 1000000, "token": {"type": "string"}}',
    "https://example.com:8443/profile/@maria",
    "ticket 123456789012",
    "550e8400-e29b-41d4-a716-446655440000",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "2026-11-24T23:37:31.123456Z",
    "20261124233731, 20261124233731123",
    "1764027451123, 1764027451123456789",
    "192.168.100.200",
    "the total is 1,234,567.89",
    "version 1.2.3-rc.4",
    "@mention at 10:30",
    "Ελληνικά @ σπίτι 🏳️‍🌈",
    "",
]
"""Both leave this alone."""

CHECKED = {
    "order 4234567890123457": "order [card]",
    "GB00 1234 5678 9012 3456 78": "[iban]",
    "+12 34 56": "[phone]",
}
"""The SDK leaves this alone, by a checksum or a count of digits, which the collector has not: it says this instead."""
