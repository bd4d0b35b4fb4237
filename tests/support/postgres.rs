//! A throw-away PostgreSQL.
