//! Images of a set as pictures that people can look at.

use tunefork_data::Dataset;
use tunefork_graph::Image;
use tunefork_track::Picture;

/// Images side by side in a sheet, and classes below each other.
const COLUMNS: usize = 8;
const ROWS: usize = 16;

/// A sheet is about as wide and high as a screen at most.
const MOST_SIDE: usize = 2048;

/// An image as a network is shown it, but for augmentation and normalisation.
pub(crate) fn picture(data: &Dataset, index: u32) -> Option<Picture> {
    let shape = data.shape();
    Picture::new("image", shape.width as u32, shape.height as u32, data.pixels(index))
}

/// The first images of each class, a row for each of the first classes.
pub(crate) fn examples(data: &Dataset, indices: &[u32]) -> Option<Picture> {
    let shape = data.shape();
    let rows = data.classes().len().min(ROWS).min(MOST_SIDE / shape.height);
    let columns = COLUMNS.min(MOST_SIDE / shape.width);
    let sheet = Image::new(rows * shape.height, columns * shape.width, shape.channels);
    let mut pixels = vec![255; sheet.elements()];
    let mut filled = vec![0; rows];
    let (line, sheet_line) = (shape.width * shape.channels, sheet.width * sheet.channels);
    for index in indices {
        let row = usize::from(data.label(*index));
        let Some(column) = filled.get_mut(row).filter(|column| **column < columns) else { continue };
        for (y, source) in data.pixels(*index).chunks_exact(line).enumerate() {
            let start = (row * shape.height + y) * sheet_line + *column * line;
            pixels[start..start + line].copy_from_slice(source);
        }
        *column += 1;
    }
    Picture::new("examples", sheet.width as u32, sheet.height as u32, &pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_a_row_for_each_class() {
        let shape = Image::new(1, 2, 1);
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let data = Dataset::from_memory(shape, classes, [3, 0, 0], vec![1, 0, 1], vec![1, 2, 3, 4, 5, 6]).unwrap();
        let picture = examples(&data, &[0, 1, 2]).unwrap();
        assert_eq!((picture.width, picture.height), (16, 2));
        let mut reader = png::Decoder::new(std::io::Cursor::new(&picture.png)).read_info().unwrap();
        let mut pixels = [0; 32];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(pixels[..4], [3, 4, 255, 255]);
        assert_eq!(pixels[16..22], [1, 2, 5, 6, 255, 255]);
    }
}
