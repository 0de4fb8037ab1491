//! Payloads that are pictures.

use std::io::Cursor;

use egui::{ColorImage, TextureHandle, TextureOptions, Ui};
use tickcast_protocol::{message::Position, topic::Topic};

/// The most pixels on each side: more than cameras send, and what a texture may have everywhere.
const SIDE_MAX: u32 = 4_096;

/// The most bytes that decoding may take.
const DECODING_MAX_BYTES: u64 = 96 * 1024 * 1024;

/// The picture of a message that was decoded last.
#[derive(Clone, Default)]
pub(super) struct Picture {
    of: Option<(Topic, Position)>,
    texture: Option<TextureHandle>,
    /// Why it cannot be drawn, if the payload is a picture.
    problem: Option<String>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture")
            .field("of", &self.of)
            .finish_non_exhaustive()
    }
}

/// Decodes a picture; `None` if the bytes are none of a kind that can be drawn.
fn decode(bytes: &[u8]) -> Option<Result<ColorImage, String>> {
    let format = image::guess_format(bytes).ok()?;
    if !format.reading_enabled() {
        return Some(Err(format!("a picture of the kind {format:?}")));
    }
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(DECODING_MAX_BYTES);
    reader.limits(limits);
    Some(match reader.decode() {
        Ok(picture) => {
            let picture = picture.into_rgba8();
            let size = [picture.width() as usize, picture.height() as usize];
            Ok(ColorImage::from_rgba_unmultiplied(size, picture.as_raw()))
        }
        Err(error) => Err(error.to_string()),
    })
}

impl Picture {
    /// Decodes the payload of a message, unless it is the one that was decoded last. Returns
    /// whether it is a picture.
    pub(super) fn make(&mut self, ui: &Ui, topic: &Topic, at: Position, bytes: &[u8]) -> bool {
        let of = Some((topic.clone(), at));
        if self.of != of {
            self.of = of;
            self.texture = None;
            self.problem = None;
            match decode(bytes) {
                Some(Ok(picture)) => {
                    let options = TextureOptions::LINEAR;
                    let texture = ui.ctx().load_texture("payload", picture, options);
                    self.texture = Some(texture);
                }
                Some(Err(problem)) => self.problem = Some(problem),
                None => {}
            }
        }
        self.texture.is_some() || self.problem.is_some()
    }

    /// The picture on the graphics card.
    pub(super) fn texture(&self) -> Option<&TextureHandle> {
        self.texture.as_ref()
    }

    /// Why it cannot be drawn.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_decoded_and_other_bytes_are_none() {
        let mut bytes = Vec::new();
        let picture = image::RgbaImage::from_pixel(3, 2, image::Rgba([1, 2, 3, 255]));
        let format = image::ImageFormat::Png;
        picture
            .write_to(&mut Cursor::new(&mut bytes), format)
            .unwrap();
        let decoded = decode(&bytes).unwrap().unwrap();
        assert_eq!(decoded.size, [3, 2]);
        assert!(
            decode(&bytes[..bytes.len() / 2]).unwrap().is_err(),
            "damaged"
        );
        assert!(decode(b"just some text").is_none());
    }
}
