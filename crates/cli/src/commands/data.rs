//! `tunefork data inspect`, and the way to the other commands of `data`

use std::fmt::Write as _;
use std::process::ExitCode;

use tunefork::data::image::Changed;
use tunefork::data::{Duplicates, InspectOptions, Inspection, Part, Spread};
use tunefork::report::{counted, thousands};
use tunefork::{Error, find_set};

use crate::args::{DataArgs, DataCommand, InspectArgs};
use crate::output::{print, table};
use crate::progress;

/// At most this many equal images are named in one line.
const MAX_EQUAL: usize = 10;

pub(crate) fn data(args: &DataArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        DataCommand::Get(args) => super::sets::get(args),
        DataCommand::List(args) => super::sets::list(args),
        DataCommand::Inspect(args) => inspect(args),
    }
}

fn inspect(args: &InspectArgs) -> anyhow::Result<ExitCode> {
    let mut preparing = progress::Preparing::new();
    let inspection = find_set(&args.source, args.data.data_dir.as_deref(), None)?
        .inspect(&InspectOptions { threads: 0, near: args.near }, &mut |done| preparing.show(done))
        .map_err(Error::from)?;
    drop(preparing);
    print(&match args.json {
        true => serde_json::to_string(&inspection)? + "\n",
        false => text(&inspection)?,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(inspection: &Inspection) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let parts = &inspection.parts;
    let names: Vec<&str> = parts.iter().map(|part| part.part.name()).collect();
    let header: Vec<&str> = ["class"].into_iter().chain(names).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (label, class) in inspection.classes.iter().enumerate() {
        let counts = parts.iter().map(|part| thousands(part.per_class[label] as u64));
        rows.push([class.clone()].into_iter().chain(counts).collect());
    }
    let totals = parts.iter().map(|part| thousands(part.images as u64));
    rows.push(["all".to_string()].into_iter().chain(totals).collect());
    text.push_str(&table(&header, &rows));
    let spread = |spread: &Spread| match spread.min == spread.max {
        true => spread.min.to_string(),
        false => format!("{} to {}, median {}", spread.min, spread.max, spread.median),
    };
    writeln!(text, "\nheight      {}", spread(&inspection.height))?;
    writeln!(text, "width       {}", spread(&inspection.width))?;
    let (grey, colour) = (thousands(inspection.grey as u64), thousands(inspection.colour as u64));
    writeln!(text, "colour      {grey} grey, {colour} with colour")?;
    let figures = |values: &[f64]| values.iter().map(|v| format!("{v:.4}")).collect::<Vec<_>>().join(", ");
    writeln!(text, "mean        {}", figures(&inspection.mean))?;
    writeln!(text, "deviation   {}", figures(&inspection.std))?;
    write_changed(&mut text, &inspection.changed)?;
    write_problems(&mut text, inspection)?;
    Ok(text)
}

/// What was done to images before they were what viewers show; nothing where nothing was.
fn write_changed(text: &mut String, changed: &Changed) -> std::fmt::Result {
    let Changed { turned, scaled, flattened, mended } = *changed;
    let counts = [
        (turned, "turned as EXIF says"),
        (scaled, "of 8 or 12 bits in 16 scaled"),
        (flattened, "laid over white"),
        (mended, "read past stray bytes"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = counts.map(|(count, what)| format!("{} {what}", thousands(*count as u64))).collect();
    if told.is_empty() { Ok(()) } else { writeln!(text, "changed     {}", told.join(", ")) }
}

/// Groups of images that are alike: where they lie, and the first ones by name.
fn write_duplicates(text: &mut String, title: &str, sign: &str, duplicates: &Duplicates) -> std::fmt::Result {
    let number = |count: usize| thousands(count as u64);
    let parts = Part::ALL.iter().zip(duplicates.within).filter(|(_, groups)| *groups > 0);
    let mut places: Vec<String> =
        parts.map(|(part, groups)| format!("{} within {}", number(groups), part.name())).collect();
    places.push(format!("{} across parts", number(duplicates.across_parts)));
    writeln!(
        text,
        "{title}  {} images in {}: {}; {} across classes",
        number(duplicates.images),
        counted(duplicates.groups, "group"),
        places.join(", "),
        number(duplicates.across_classes)
    )?;
    for group in &duplicates.listed {
        let (first, more) = group.split_at(group.len().min(MAX_EQUAL));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", number(more.len())) };
        writeln!(text, "              {}{more}", first.join(sign))?;
    }
    if duplicates.groups > duplicates.listed.len() {
        writeln!(text, "              and {} more", counted(duplicates.groups - duplicates.listed.len(), "group"))?;
    }
    Ok(())
}

fn write_problems(text: &mut String, inspection: &Inspection) -> std::fmt::Result {
    write_duplicates(text, "duplicates", " = ", &inspection.duplicates)?;
    if let Some(near) = &inspection.near {
        write_duplicates(text, "look alike", " ~ ", near)?;
    }
    if inspection.other_files > 0 {
        writeln!(text, "other files {}", thousands(inspection.other_files as u64))?;
    }
    let warnings = &inspection.warnings;
    writeln!(text, "left out    {}", warnings.left_out())?;
    for sentence in warnings.sentences() {
        writeln!(text, "              {sentence}")?;
    }
    Ok(())
}
