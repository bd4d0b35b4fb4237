//! A throw-away Dovecot.
