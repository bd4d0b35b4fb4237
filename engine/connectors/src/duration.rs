//! Time-outs as written in the configuration: `500ms`, `60s`, `2m`, `1h`, `1m30s`.

use std::time::Duration;

use clawback_model::parse_timeout;
use serde::{Deserialize as _, Deserializer, Serializer};

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    parse_timeout(&text).ok_or_else(|| {
        serde::de::Error::custom(format!("`{text}` is not a duration; write for example \"500ms\", \"60s\" or \"2m\""))
    })
}

pub(crate) fn serialize<S: Serializer>(duration: &Duration, output: S) -> Result<S::Ok, S::Error> {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1_000) {
        output.serialize_str(&format!("{}s", millis / 1_000))
    } else {
        output.serialize_str(&format!("{millis}ms"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, parse_timeout as parse};

    #[test]
    fn units() {
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("60s"), Some(Duration::from_mins(1)));
        assert_eq!(parse("2m"), Some(Duration::from_mins(2)));
        assert_eq!(parse("1h"), Some(Duration::from_hours(1)));
        for wrong in ["", "5", "s", "-1s", "1 s", "1d", "99999999999999999999h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
