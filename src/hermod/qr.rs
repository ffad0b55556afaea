//! The activation link as a QR code (ISO/IEC 18004): for a terminal, and as SVG.

use std::fmt;

use fast_qr::convert::Builder as _;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder, QRCode};

use crate::Error;
use crate::hermod::model::Activation;

/// The width in modules of the light margin that the standard requires.
const MARGIN: usize = 4;

/// The background of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark ground: light modules are drawn.
    Dark,
    /// Dark text on light ground: dark modules are drawn.
    Light,
}

/// An activation link as a QR code, with error correction of level M.
///
/// # Security
/// Anyone who can read the picture can open the message, so it is as secret as the link. `Debug`
/// does not show it.
///
/// ```
/// use keyferry::Secret;
/// use keyferry::hermod::model::{Activation, Plugout};
/// use keyferry::hermod::qr::{ActivationQr, Background};
///
/// let link = Activation::Plugout(Plugout::new("https://hub.example/ms/b1", Secret::new("t0ken")));
/// let code = ActivationQr::new(&link)?;
/// println!("{}", code.to_terminal(Background::Dark));
/// assert!(code.to_svg().starts_with("<svg"));
/// # Ok::<(), keyferry::Error>(())
/// ```
pub struct ActivationQr(Box<QRCode>);

impl ActivationQr {
    /// Makes the code of a link in its documented form.
    ///
    /// # Errors
    /// Class `too-large` if the link does not fit into a QR code: more than 2,331 bytes.
    pub fn new(link: &Activation) -> Result<Self, Error> {
        let code = QRBuilder::new(link.to_uri().expose()).ecl(ECL::M).build();
        Ok(Self(Box::new(
            code.map_err(|_| Error::too_large("uri", "does not fit into a QR code"))?,
        )))
    }

    /// The number of modules on each side, without the margin: 21 to 177.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Returns whether the module in that column and row, counted from the upper left corner, is
    /// dark. Modules outside the code are light.
    #[must_use]
    pub fn is_dark(&self, column: usize, row: usize) -> bool {
        column < self.0.size && row < self.0.size && self.0[row][column].value()
    }

    /// Text for a terminal, two modules a character, with a margin of four modules and a line break
    /// at the end of each line.
    #[must_use]
    pub fn to_terminal(&self, background: Background) -> String {
        let side = self.size() + 2 * MARGIN;
        let drawn = |column: usize, row: usize| {
            let inside = column.checked_sub(MARGIN).zip(row.checked_sub(MARGIN));
            let dark = inside.is_some_and(|(column, row)| self.is_dark(column, row));
            // The row below the last one is outside the code, so nothing is drawn there.
            row < side && dark == (background == Background::Light)
        };
        let mut text = String::new();
        for row in (0..side).step_by(2) {
            for column in 0..side {
                text.push(match (drawn(column, row), drawn(column, row + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        text
    }

    /// An SVG document: black on white, one unit a module, with a margin of four modules.
    #[must_use]
    pub fn to_svg(&self) -> String {
        SvgBuilder::default().margin(MARGIN).to_str(&self.0)
    }
}

impl fmt::Debug for ActivationQr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActivationQr({} modules)", self.size())
    }
}
