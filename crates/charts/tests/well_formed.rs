//! Whatever names and values there are, a figure is well-formed XML with numbers in its attributes, and the same each time.

use proptest::collection::vec;
use proptest::prelude::*;
use roxmltree::{Document, Node};
use tunefork_charts::{
    Axis, Bar, Cell, Chart, Colour, Figure, Interval, Layer, Palette, Panel, Parallel, Point, Polyline, Scale, Shape,
    Sharing, Unit, distribution, histogram, surface,
};

/// Names that mean something to XML, to a terminal, or to the direction of writing, and any others.
fn name() -> impl Strategy<Value = String> {
    let nasty = [
        "",
        "<script>alert(1)</script>",
        "\"quotes\" & 'quotes'",
        "a\nb\r\n\tc",
        "nul\0 bell\u{7} escape\u{1b}[31m",
        "👩‍🔬👨‍👩‍👧‍👦🎉",
        "\u{202e}turned\u{200f} שלום",
        "]]> --> <![CDATA[ <!--",
        "\u{fffe}\u{ffff}\u{85}\u{2028}",
        "&#0; &amp; &lol;",
    ];
    prop_oneof![
        prop::sample::select(nasty.to_vec()).prop_map(String::from),
        ".{0,40}",
        vec(any::<char>(), 0..20).prop_map(String::from_iter),
        Just("long ".repeat(2_000)),
        Just("e\u{301}\u{302}\u{303}\u{304}\u{305}".repeat(50)),
    ]
}

fn value() -> impl Strategy<Value = f64> {
    let nasty = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 0.0, -0.0];
    prop_oneof![
        3 => -3.0..8.0f64,
        1 => prop::sample::select(nasty.to_vec()),
        1 => prop::sample::select(vec![1e-300, 1e300, -1e300, 1e15, 1.0, 1.0 + f64::EPSILON, 86_400.0]),
        1 => any::<f64>(),
    ]
}

fn axis() -> impl Strategy<Value = Axis> {
    let scale = prop_oneof![Just(Scale::Linear), Just(Scale::Log10), vec(name(), 0..30).prop_map(Scale::Band)];
    let unit = prop_oneof![Just(Unit::None), Just(Unit::Percent), Just(Unit::Seconds), name().prop_map(Unit::Named)];
    let options = (any::<bool>(), any::<bool>(), prop::option::of((value(), value())), prop::option::of(value()));
    (name(), scale, unit, options).prop_map(|(label, scale, unit, (whole, reversed, range, containing))| {
        let mut axis = Axis::new(label, scale).unit(unit);
        axis = if whole { axis.whole() } else { axis };
        axis = if reversed { axis.reversed() } else { axis };
        axis = range.map_or(axis.clone(), |(low, high)| axis.range(low, high));
        containing.map_or(axis.clone(), |value| axis.containing(value))
    })
}

fn point() -> impl Strategy<Value = Point> {
    (value(), value(), prop::option::of(value()), prop::option::of(name()), any::<Option<u32>>()).prop_map(
        |(x, y, colour, text, key)| {
            let mut point = Point::new(x, y);
            point = colour.map_or(point.clone(), |colour| point.value(colour));
            point = text.map_or(point.clone(), |text| point.label(text.clone()).tip(text));
            key.map_or(point.clone(), |key| point.key(key))
        },
    )
}

fn layer() -> impl Strategy<Value = Layer> {
    let bar = (value(), value(), value(), name())
        .prop_map(|(at, start, end, label)| Bar::between(at, start, end).label(label));
    let ranged = ((value(), value()), value()).prop_map(|(range, end)| Bar::new(range, end));
    let interval =
        (value(), value(), value(), value()).prop_map(|(at, low, middle, high)| Interval::new(at, low, middle, high));
    let cell = (value(), (value(), value()), value(), name())
        .prop_map(|(x, y, value, label)| Cell::new(x, y, value).label(label));
    let layer = prop_oneof![
        vec(point(), 0..12).prop_map(Layer::points),
        vec(point(), 0..12).prop_map(Layer::line),
        vec(point(), 0..12).prop_map(Layer::steps),
        vec(bar, 0..8).prop_map(Layer::bars),
        vec(ranged, 0..8).prop_map(Layer::bars),
        vec(interval, 0..8).prop_map(Layer::intervals),
        vec(cell, 0..8).prop_map(Layer::cells),
        value().prop_map(Layer::rule_x),
        value().prop_map(Layer::rule_y),
    ];
    (layer, prop::option::of(name()), any::<u8>(), any::<bool>(), any::<bool>()).prop_map(
        |(layer, name, colour, is_thin, is_spread)| {
            let layer = layer.colour(Colour::Series(colour)).end(Shape::Ring).shape(Shape::Cross);
            let layer = name.map_or(layer.clone(), |name| layer.name(name));
            let layer = if is_thin { layer.thin() } else { layer };
            if is_spread { layer.spread() } else { layer }
        },
    )
}

fn panel() -> impl Strategy<Value = Panel> {
    let palette = prop_oneof![Just(Palette::Sequential), Just(Palette::Diverging)];
    let chart = (axis(), axis(), axis(), palette, vec(layer(), 0..4), any::<bool>(), name()).prop_map(
        |(x, y, colour, palette, layers, is_square, title)| {
            let chart = Chart::new(x, y).colour(colour, palette).layers(layers).title(title);
            Panel::from(if is_square { chart.square() } else { chart })
        },
    );
    let line = (vec(value(), 0..6), value()).prop_map(|(values, colour)| Polyline::new(values).value(colour));
    let parallel = (vec(axis(), 0..6), axis(), vec(line, 0..6)).prop_map(|(axes, colour, lines)| {
        Panel::from(Parallel::new(axes).colour(colour, Palette::Sequential).lines(lines))
    });
    prop_oneof![6 => chart, 2 => parallel, 1 => Just(Panel::Empty)]
}

fn figure() -> impl Strategy<Value = Figure> {
    let sharing = prop_oneof![Just(Sharing::Nothing), Just(Sharing::RowsAndColumns), Just(Sharing::Everything)];
    (name(), name(), name(), vec(panel(), 0..5), 0..4usize, 0..900u32, sharing).prop_map(
        |(id, title, description, panels, columns, width, sharing)| {
            Figure::new(id, title)
                .description(description)
                .panels(panels)
                .columns(columns)
                .width(width)
                .sharing(sharing)
        },
    )
}

/// Every attribute that is drawn from is made of letters of paths and of numbers that are not beyond any picture.
fn check(node: Node<'_, '_>) {
    for attribute in node.attributes() {
        let value = attribute.value();
        if matches!(attribute.name(), "d" | "x" | "y" | "width" | "height" | "viewBox" | "transform") {
            assert!(!value.contains("NaN") && !value.contains("inf"), "{value}");
            let value = value.replace('-', " -");
            let numbers = value.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
            for number in numbers.filter(|number| !number.is_empty()) {
                let number: f64 = number.parse().unwrap_or_else(|_| panic!("{number} in {value}"));
                assert!(number.abs() < 1e6, "{value}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_figure_is_well_formed(figure in figure()) {
        for text in [figure.svg(), figure.inline()] {
            let document = Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            document.descendants().for_each(check);
            let labels = document.root_element().attribute("aria-labelledby").unwrap();
            for id in labels.split(' ') {
                prop_assert_eq!(document.descendants().filter(|node| node.attribute("id") == Some(id)).count(), 1);
            }
            prop_assert!(!text.contains("<script"));
        }
        prop_assert_eq!(figure.svg(), figure.clone().svg());
    }

    #[test]
    fn what_is_counted_can_be_drawn(x in axis(), y in axis(), points in vec(point(), 0..20), values in vec(value(), 0..40)) {
        let chart = Chart::new(x.clone(), y.clone())
            .colour(Axis::linear(""), Palette::Sequential)
            .layer(Layer::cells(surface(&x, &y, &points)))
            .layer(Layer::bars(histogram(&x, &values)))
            .layer(Layer::steps(distribution(&values)));
        let text = Figure::new("counted", "").panel(chart).svg();
        Document::parse(&text).unwrap().descendants().for_each(check);
    }
}
