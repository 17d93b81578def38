"""Requests that a server is to refuse, each with the rule that it breaks.

They answer RFC 9112, section by section; the ideas are those of the test suites of other servers, the texts are not.
"""

from __future__ import annotations

OK = b"GET /echo HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

REQUEST_LINES = {
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version (HTTP/0.9)": b"GET /echo\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "space at the end": b"GET /echo HTTP/1.1 \r\nHost: x\r\n\r\n",
    "space in front": b" GET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab between": b"GET\t/echo\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the target": b"GET /ec ho HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the target": b"GET /echo\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "control character in the target": b"GET /echo\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "DEL in the target": b"GET /echo\x7f HTTP/1.1\r\nHost: x\r\n\r\n",
    "CR in the target": b"GET /echo\r HTTP/1.1\r\nHost: x\r\n\r\n",
    "separator in the method": b"G(T /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the method": b"GE\0T /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2.0": b"GET /echo HTTP/2.0\r\nHost: x\r\n\r\n",
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.10": b"GET /echo HTTP/1.10\r\nHost: x\r\n\r\n",
    "HTTP/0.9 by name": b"GET /echo HTTP/0.9\r\nHost: x\r\n\r\n",
    "lower-case protocol": b"GET /echo http/1.1\r\nHost: x\r\n\r\n",
    "another protocol": b"GET /echo ICE/1.0\r\nHost: x\r\n\r\n",
    "comma for the dot": b"GET /echo HTTP/1,1\r\nHost: x\r\n\r\n",
    "TLS on a plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "nothing but words": b"hello there\r\n\r\n",
}

LINE_ENDS = {
    "LF alone": b"GET /echo HTTP/1.1\nHost: x\n\n",
    "LF after the request line": b"GET /echo HTTP/1.1\nHost: x\r\n\r\n",
    "LF after a field": OK + b"A: b\nC: d\r\n\r\n",
    "LF for the empty line": OK + b"\n",
    "LF in front": b"\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "LF after an empty line": b"\r\n\nGET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "CR after an empty line": b"\r\n\rGET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    "CR alone": OK + b"A: b\rC: d\r\n\r\n",
    "CR CR LF": OK + b"A: b\r\r\n\r\n",
    "CR at the end of a value": OK + b"A: b\r\rC: d\r\n\r\n",
}

FIELDS = {
    "obsolete folding": OK + b"A: b\r\n c\r\n\r\n",
    "obsolete folding by a tab": OK + b"A: b\r\n\tc\r\n\r\n",
    "folded Content-Length": POST + b"Content-Length:\r\n 5\r\n\r\nhello",
    "space before the first field": b"GET /echo HTTP/1.1\r\n Host: x\r\n\r\n",
    "space before the colon": OK + b"A : b\r\n\r\n",
    "tab before the colon": OK + b"A\t: b\r\n\r\n",
    "space before the colon of Content-Length": POST + b"Content-Length : 5\r\n\r\nhello",
    "no colon": OK + b"A\r\n\r\n",
    "no name": OK + b": b\r\n\r\n",
    "NUL in a name": OK + b"A\0: b\r\n\r\n",
    "NUL in a value": OK + b"A: b\0c\r\n\r\n",
    "control character in a value": OK + b"A: b\x01c\r\n\r\n",
    "vertical tab in a value": OK + b"A: \x0bb\r\n\r\n",
    "DEL in a value": OK + b"A: b\x7fc\r\n\r\n",
    "separator in a name": OK + b"A(: b\r\n\r\n",
    "name in quotes": OK + b'"A": b\r\n\r\n',
    "name beyond ASCII": OK + b"\xc4: b\r\n\r\n",
    "no Host": b"GET /echo HTTP/1.1\r\n\r\n",
    "two Hosts": OK + b"Host: y\r\n\r\n",
    "Host with a space": b"GET /echo HTTP/1.1\r\nHost: x y\r\n\r\n",
    "Host with a path": b"GET /echo HTTP/1.1\r\nHost: x/y\r\n\r\n",
    "Host with a user": b"GET /echo HTTP/1.1\r\nHost: u@x\r\n\r\n",
}

LENGTHS = {
    "two equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "two unequal lengths": POST + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
    "two lengths by case": POST + b"Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello",
    "equal lengths in a list": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "unequal lengths in a list": POST + b"Content-Length: 5, 6\r\n\r\nhello",
    "plus sign": POST + b"Content-Length: +5\r\n\r\nhello",
    "minus sign": POST + b"Content-Length: -5\r\n\r\nhello",
    "hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "underscore": POST + b"Content-Length: 1_0\r\n\r\nhello",
    "fraction": POST + b"Content-Length: 5.0\r\n\r\nhello",
    "letters": POST + b"Content-Length: five\r\n\r\nhello",
    "empty length": POST + b"Content-Length:\r\n\r\nhello",
    "space within": POST + b"Content-Length: 1 0\r\n\r\nhello",
    "digits beyond ASCII": POST + b"Content-Length: \xb2\r\n\r\nhello",
    "no-break space": POST + b"Content-Length: \xa05\r\n\r\nhello",
    "overflow of 64 bits": POST + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "larger than allowed": POST + b"Content-Length: 2000000\r\n\r\nhello",
    "length and coding": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
}

CODINGS = {
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "gzip alone": POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "gzip under chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked is not the last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice in two fields": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two codings in two fields": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "empty coding": POST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n",
    "coding with a parameter": POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "coding in quotes": POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "coding after a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "comma in front": POST + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "coding in HTTP/1.0": b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding in an upgrade": POST + b"Connection: Upgrade\r\nUpgrade: x\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
}

CHUNKS = {
    "no size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "size with a sign": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "negative size": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "size with 0x": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "size with an underscore": CHUNKED + b"1_0\r\nhello\r\n0\r\n\r\n",
    "size with a space in front": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "size with a space behind": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "size of letters": CHUNKED + b"xyz\r\nhello\r\n0\r\n\r\n",
    "size that overflows": CHUNKED + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size that ends with LF": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "size that ends with CR": CHUNKED + b"5\rhello\r\n0\r\n\r\n",
    "too little content": CHUNKED + b"6\r\nhello\r\n0\r\n\r\n",
    "too much content": CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
    "no line end after the content": CHUNKED + b"5\r\nhello0\r\n\r\n",
    "LF after the content": CHUNKED + b"5\r\nhello\n0\r\n\r\n",
    "LF after the last chunk": CHUNKED + b"5\r\nhello\r\n0\n\r\n",
    "LF at the end": CHUNKED + b"5\r\nhello\r\n0\r\n\n",
    "extension without a name": CHUNKED + b"5;\r\nhello\r\n0\r\n\r\n",
    "extension with LF": CHUNKED + b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "extension with CR": CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension with NUL": CHUNKED + b"5;a\0\r\nhello\r\n0\r\n\r\n",
    "extension with an open quote": CHUNKED + b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "extension that is too long": CHUNKED + b"5;a=" + b"b" * 10_000 + b"\r\nhello\r\n0\r\n\r\n",
    "extensions that are too many": CHUNKED + (b"1;a=" + b"b" * 1000 + b"\r\nx\r\n") * 20 + b"0\r\n\r\n",
    "trailer": CHUNKED + b"5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "trailer that frames": CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n",
    "malformed trailer": CHUNKED + b"0\r\nA\r\n\r\n",
    "more than allowed": CHUNKED + b"200000\r\n" + b"x" * 1_100_000,
}

TOO_LARGE = {
    "field": OK + b"A: " + b"b" * 70_000 + b"\r\n\r\n",
    "fields": OK + b"A: b\r\n" * 20_000 + b"\r\n",
    "target": b"GET /echo?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "head without an end": OK + b"A: " + b"b" * 70_000,
}

MALFORMED = {
    f"{kind}: {name}": sent
    for kind, group in {
        "request line": REQUEST_LINES,
        "line end": LINE_ENDS,
        "field": FIELDS,
        "length": LENGTHS,
        "coding": CODINGS,
        "chunk": CHUNKS,
    }.items()
    for name, sent in group.items()
}
"""Everything that is answered with 400; `TOO_LARGE` is answered with 431."""
