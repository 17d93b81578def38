"""web.py's database module: SQL by hand, with every value bound, on the engines of `tornadopy.db`.

::

    from tornadopy.db.basedb import database

    db = database(connection="default")
    for article in db.select("articles", {"author": "Ann"}, where="author = $author", order="id DESC"):
        print(article.title)

See https://webpy.org/cookbook/ for the original.
"""

from __future__ import annotations

from tornadopy.db.basedb.clauses import sqllist, sqlors, sqlwhere
from tornadopy.db.basedb.connecting import database
from tornadopy.db.basedb.database import Database
from tornadopy.db.basedb.interpolation import reparam, sqlquote
from tornadopy.db.basedb.result import ResultSet
from tornadopy.db.basedb.sql import SQLLiteral, SQLParam, SQLQuery, sqlify
from tornadopy.db.basedb.transactions import Transaction

__all__ = [
    "Database",
    "ResultSet",
    "SQLLiteral",
    "SQLParam",
    "SQLQuery",
    "Transaction",
    "database",
    "reparam",
    "sqlify",
    "sqllist",
    "sqlliteral",
    "sqlors",
    "sqlparam",
    "sqlquery",
    "sqlquote",
    "sqlwhere",
]

sqlquery, sqlparam, sqlliteral = SQLQuery, SQLParam, SQLLiteral
