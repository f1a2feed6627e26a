//! Response Information (MQTT 5.0, 3.2.2.3.15): where a client may have its answers sent, from the pattern in the settings.

use longwave_model::UserId;

/// The pattern with the user in place of `%u` and a `%` in place of `%%`.
pub(super) fn for_user(pattern: &str, user: &UserId) -> String {
    let mut filled = String::with_capacity(pattern.len() + user.as_str().len());
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        filled.push_str(before);
        rest = match after.strip_prefix('u') {
            Some(after) => {
                filled.push_str(user.as_str());
                after
            }
            None => {
                filled.push('%');
                after.strip_prefix('%').unwrap_or(after)
            }
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_put_in_and_never_read_as_a_pattern() {
        let user = UserId::parse("alice").unwrap();
        for (pattern, filled) in [
            ("answers/%u", "answers/alice"),
            ("%u/%u", "alice/alice"),
            ("answers", "answers"),
            ("100%%/%u", "100%/alice"),
            ("%%u", "%u"),
        ] {
            assert_eq!(for_user(pattern, &user), filled);
        }
    }
}
