use std::cell::Cell;
use std::fmt;

use proptest::prelude::*;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::*;

/// Counts what a parser makes, also when it ends early.
#[derive(Clone, Copy)]
struct Made<'a>(&'a Cell<usize>);

impl Made<'_> {
    fn one<E>(self) -> Result<(), E> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Made<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Made<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.one()
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.one()
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.one()
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.one()
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.one()
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.one()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.one()?;
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        self.one()?;
        while object.next_key_seed(self)?.is_some() {
            object.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// What a parser makes of a text, and whether it is JSON.
fn made(json: &[u8]) -> (usize, bool) {
    let made = Cell::new(0);
    let mut parser = serde_json::Deserializer::from_slice(json);
    let read = Made(&made).deserialize(&mut parser).and_then(|()| parser.end());
    (made.get(), read.is_ok())
}

fn document() -> impl Strategy<Value = Value> {
    let text = || prop_oneof!["[\\[\\]{}:,\"\\\\/ a]{0,9}", "\\PC{0,5}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 80, 9, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..9).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..9)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn of_a_document_it_is_what_a_parser_makes(document in document()) {
        for json in [serde_json::to_vec(&document).unwrap(), serde_json::to_vec_pretty(&document).unwrap()] {
            prop_assert_eq!((count(&json), true), made(&json));
        }
    }

    #[test]
    fn of_anything_else_it_is_not_less(text in "[\\[\\]{}:,\"\\\\ 0a]{0,40}") {
        let (made, is_json) = made(text.as_bytes());
        prop_assert!(made <= count(text.as_bytes()), "{} of {}", made, text);
        prop_assert!(!is_json || made == count(text.as_bytes()), "{} of {}", made, text);
    }

    #[test]
    fn a_document_that_is_cut_or_wrong_in_one_place_is_counted_up_to_there(
        document in document(), at in any::<prop::sample::Index>(), wrong in any::<u8>(),
    ) {
        let mut json = serde_json::to_vec(&document).unwrap();
        let at = at.index(json.len());
        prop_assert!(made(&json[..at]).0 <= count(&json[..at]));
        json[at] = wrong;
        prop_assert!(made(&json).0 <= count(&json));
    }
}

#[test]
fn values_and_names_are_counted_and_nothing_else_is() {
    for (json, expected) in [
        ("0", 1),
        ("\"a,b:[{\"", 1),
        ("[]", 1),
        (" [ \n\t] ", 1),
        ("{}", 1),
        ("[0]", 2),
        ("[0, 1, 2]", 4),
        ("[[], {}]", 3),
        ("[[[]]]", 3),
        (r#"{"":0}"#, 3),
        (r#"{"a":{"b":[1,2]},"c":"d"}"#, 9),
        (r#"["\"", "\\", "\\\",[", "}"]"#, 5),
        (r#"[{"":0},{"":0}]"#, 7),
    ] {
        assert_eq!(count(json.as_bytes()), expected, "{json}");
        assert_eq!(made(json.as_bytes()), (expected, true), "{json}");
    }
}

#[test]
fn what_holds_too_much_is_refused_in_words() {
    assert!(check(b"[0,0,0]", 4).is_ok());
    let problem = check(b"[0,0,0]", 3).unwrap_err();
    assert_eq!((problem.status_code(), problem.code.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_many_values"));
    assert!(problem.title.contains("more than 3 values"), "{}", problem.title);
    // However long its texts are.
    assert!(check(format!("[\"{}\"]", "{[,:".repeat(1000)).as_bytes(), 2).is_ok());
}
