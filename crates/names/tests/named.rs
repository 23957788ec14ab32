//! What the macro promises.

use tunefork_names::{UnknownName, closest, listed, named_enum};

named_enum! {
    /// Colours.
    pub enum Colour: "colour" {
        /// As the images are.
        Auto = "auto",
        /// One channel.
        Grey = "grey",
        /// Three channels.
        Rgb = "rgb",
    }
}

#[test]
fn every_variant_is_found_by_its_name_and_its_code() {
    assert_eq!(Colour::ALL.len(), Colour::NAMES.len());
    for (code, colour) in Colour::ALL.iter().enumerate() {
        assert_eq!(colour.name().parse(), Ok(*colour));
        assert_eq!(colour.to_string(), Colour::NAMES[code]);
        assert_eq!(colour.code() as usize, code);
    }
}

#[test]
fn serde_writes_names_and_reads_nothing_else() {
    for colour in Colour::ALL {
        let text = serde_json::to_string(colour).unwrap();
        assert_eq!(text, format!("\"{colour}\""));
        assert_eq!(serde_json::from_str::<Colour>(&text).unwrap(), *colour);
    }
    let error = serde_json::from_str::<Colour>("\"gray\"").unwrap_err().to_string();
    assert!(error.contains("no colour `gray`: use auto, grey or rgb (did you mean `grey`?)"), "{error}");
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let error = "cmyk".parse::<Colour>().unwrap_err();
    assert_eq!(error, UnknownName::new("colour", "cmyk", Colour::NAMES));
    assert_eq!(error.to_string(), "there is no colour `cmyk`: use auto, grey or rgb");
    assert!("".parse::<Colour>().is_err() && "Grey".parse::<Colour>().is_err());
}

#[test]
fn lists_read_as_sentences() {
    assert_eq!([listed(&[]), listed(&["a"]), listed(&["a", "b"])], ["", "a", "a or b"]);
}

#[test]
fn names_keep_their_width_in_tables() {
    assert_eq!(format!("{:>6}|{:<6}|", Colour::Rgb, Colour::Auto), "   rgb|auto  |");
}

#[test]
fn only_what_is_near_is_guessed() {
    assert_eq!(closest("learning_rat", ["learning_rate", "layers"]), Some("learning_rate"));
    assert_eq!(closest("zebra", ["learning_rate", "layers"]), None);
}
