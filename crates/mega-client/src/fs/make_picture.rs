//! Making thumbnails and previews from images, within limits.

use std::io::Cursor;
use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};

use crate::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::node::Node;
use crate::offload::blocking;
use crate::target::Target;

/// A thumbnail and a preview, as the official clients make them (crypto-and-accounts 9.4): JPEGs without any of the image's metadata.
///
/// ```
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = mega_testserver::TestServer::start().await?;
/// # server.account("me@example.com", "secret").create();
/// # let login = mega_client::Credentials::new("me@example.com", "secret");
/// # let mega = mega_client::Client::builder().origin(server.url()).login(login).await?;
/// # let mut photo = Vec::new();
/// # image::RgbImage::from_pixel(640, 480, image::Rgb([9, 99, 199]))
/// #     .write_to(&mut std::io::Cursor::new(&mut photo), image::ImageFormat::Png)?;
/// use mega_client::{PictureLimits, Pictures};
///
/// let pictures = Pictures::make(photo.clone(), PictureLimits::default()).await?;
/// mega.write("/photo.png", photo).await?;
/// let node = mega.set_pictures("/photo.png", pictures).await?;
/// assert!(mega.thumbnail(&node).await?.is_some());
/// # Ok(()) }
/// # tokio::runtime::Runtime::new().unwrap().block_on(doc()).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pictures {
    /// 200 by 200 pixels, cut to a square from the middle.
    pub thumbnail: Bytes,
    /// At most 1000 by 1000 pixels, never enlarged.
    pub preview: Bytes,
}

/// What making pictures may cost. Images are hostile until they are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    bytes: usize,
    side: u32,
    pixels: u64,
    time: Duration,
}

impl Default for PictureLimits {
    /// 64 MiB, 50 million pixels, no side above 30,000, ten seconds.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            side: 30_000,
            pixels: 50_000_000,
            time: Duration::from_secs(10),
        }
    }
}

impl PictureLimits {
    /// The largest image in bytes, as it is stored.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The most pixels, which is what decoding costs: memory is bounded by eight bytes for each.
    #[must_use]
    pub fn pixels(mut self, pixels: u64) -> Self {
        self.pixels = pixels;
        self
    }

    /// How long to wait. The decoder itself cannot be stopped; what it does after this time is thrown away.
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

impl Pictures {
    /// Makes both from an image: JPEG, PNG, GIF (the first frame), WebP or BMP, told apart by content. It runs on a thread for such work.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for what is no image of these, or is damaged; [`Misuse`](ErrorKind::Misuse) beyond the limits of size;
    /// [`Timeout`](ErrorKind::Timeout).
    ///
    /// Cancel safe: a decoder that is running goes on to its end and is ignored.
    pub async fn make(image: impl Into<Bytes>, limits: PictureLimits) -> Result<Self> {
        let image = image.into();
        let made = tokio::time::timeout(limits.time, blocking(move || make(&image, limits))).await;
        let made = match made {
            Ok(made) => made,
            Err(late) => Err(
                Error::new(ErrorKind::Timeout, "making the pictures takes too long")
                    .caused_by(late),
            ),
        };
        made.map_err(|error| error.during("make pictures"))
    }
}

impl Client {
    /// Stores both pictures of a file. As [`set_thumbnail`](Self::set_thumbnail) otherwise.
    ///
    /// Cancel safety: the thumbnail is stored first, so that it may be there without the preview.
    pub fn set_pictures(
        &self,
        target: impl Into<Target>,
        pictures: Pictures,
    ) -> BoxFuture<'static, Result<Node>> {
        let (client, target) = (self.clone(), target.into());
        async move {
            client.set_thumbnail(&target, pictures.thumbnail).await?;
            client.set_preview(target, pictures.preview).await
        }
        .boxed()
    }
}

const THUMBNAIL: u32 = 200;
const PREVIEW: u32 = 1000;
const QUALITY: u8 = 80;

fn make(bytes: &[u8], limits: PictureLimits) -> Result<Pictures> {
    let unreadable = |error: image::ImageError| {
        Error::new(ErrorKind::Unsupported, "the image cannot be read").caused_by(error)
    };
    if bytes.len() > limits.bytes {
        return Err(Error::misuse(format!(
            "the image has {} bytes, and {} are allowed",
            bytes.len(),
            limits.bytes
        )));
    }
    let reader = || {
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| unreadable(error.into()))?;
        let mut bounds = image::Limits::default();
        bounds.max_image_width = Some(limits.side);
        bounds.max_image_height = Some(limits.side);
        bounds.max_alloc = Some(limits.pixels.saturating_mul(8));
        reader.limits(bounds);
        Ok::<_, Error>(reader)
    };
    // The size is in the first bytes: what is too large is never decoded.
    let (width, height) = reader()?.into_dimensions().map_err(unreadable)?;
    if u64::from(width).saturating_mul(u64::from(height)) > limits.pixels {
        return Err(Error::misuse(format!(
            "the image has {width} by {height} pixels, and {} are allowed",
            limits.pixels
        )));
    }
    let image = reader()?.decode().map_err(unreadable)?;
    let preview = if width > PREVIEW || height > PREVIEW {
        image.resize(PREVIEW, PREVIEW, FilterType::Triangle)
    } else {
        image.clone()
    };
    Ok(Pictures {
        thumbnail: jpeg(&preview.resize_to_fill(THUMBNAIL, THUMBNAIL, FilterType::Triangle))?,
        preview: jpeg(&preview)?,
    })
}

/// JPEG knows no transparency: what is transparent becomes what lies under it.
fn jpeg(image: &DynamicImage) -> Result<Bytes> {
    let mut encoded = Vec::new();
    image
        .to_rgb8()
        .write_with_encoder(JpegEncoder::new_with_quality(&mut encoded, QUALITY))
        .map_err(|error| {
            Error::new(ErrorKind::Unsupported, "the picture cannot be written").caused_by(error)
        })?;
    Ok(encoded.into())
}
