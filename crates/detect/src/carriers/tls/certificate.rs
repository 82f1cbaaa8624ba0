//! The names in a server's certificate, by a walk over just enough DER to find them.
//!
//! Nothing is verified: a certificate says what its holder wants to be called, which is all that is asked here.
//! Layout: RFC 5280, section 4.1.

use super::super::cursor::Cursor;
use super::super::name::Name;

/// The most names of one certificate that are told; shared hosting lists hundreds, pools a few.
pub const MAX_NAMES: usize = 16;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
/// `[3]`: the extensions of a certificate.
const EXTENSIONS: u8 = 0xa3;
/// `[0]`: the version of a certificate, left out of the first.
const VERSION: u8 = 0xa0;
/// `[2]`: a DNS name among alternative names.
const DNS_NAME: u8 = 0x82;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// What a server wants to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate<'a> {
    /// The last common name of the subject, whatever it is.
    pub common_name: Option<&'a [u8]>,
    /// The common names that are host names, then the alternative DNS names: at most [`MAX_NAMES`], each once.
    pub names: Vec<Name>,
}

impl<'a> Certificate<'a> {
    /// Reads the first certificate in the body of a Certificate message, of which the end may be cut off.
    pub(super) fn read_leaf(body: &'a [u8]) -> Option<Self> {
        let mut cursor = Cursor::new(body);
        cursor.u24()?; // the whole list
        let length = cursor.u24()?;
        Self::read(cursor.take(length as usize)?)
    }

    fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Cursor::new(inside(&mut Cursor::new(der), SEQUENCE)?);
        let mut signed = Cursor::new(inside(&mut outer, SEQUENCE)?);
        if signed.rest().first() == Some(&VERSION) {
            element(&mut signed)?;
        }
        for _ in ["serial number", "signature algorithm", "issuer", "validity"] {
            element(&mut signed)?;
        }
        let mut certificate = Self { common_name: None, names: Vec::new() };
        certificate.note_subject(inside(&mut signed, SEQUENCE)?);
        // Behind the subject: its key, two identifiers that nobody uses, and the extensions.
        while let Some((tag, content)) = element(&mut signed) {
            if tag == EXTENSIONS {
                certificate.note_extensions(content);
            }
        }
        Some(certificate)
    }

    fn note_subject(&mut self, subject: &'a [u8]) {
        for set in all(subject, SET) {
            for attribute in all(set, SEQUENCE) {
                let mut attribute = Cursor::new(attribute);
                if inside(&mut attribute, OBJECT_ID) != Some(COMMON_NAME) {
                    continue;
                }
                if let Some((_, value)) = element(&mut attribute) {
                    self.common_name = Some(value);
                    self.add(value);
                }
            }
        }
    }

    fn note_extensions(&mut self, content: &[u8]) {
        let Some(list) = inside(&mut Cursor::new(content), SEQUENCE) else { return };
        for extension in all(list, SEQUENCE) {
            let mut extension = Cursor::new(extension);
            if inside(&mut extension, OBJECT_ID) != Some(ALTERNATIVE_NAMES) {
                continue;
            }
            // Between the two there may be a flag that says how seriously to take this.
            let value = all(extension.rest(), OCTET_STRING).next().unwrap_or_default();
            let names = inside(&mut Cursor::new(value), SEQUENCE).unwrap_or_default();
            all(names, DNS_NAME).for_each(|name| self.add(name));
        }
    }

    fn add(&mut self, text: &[u8]) {
        if self.names.len() == MAX_NAMES {
            return;
        }
        if let Some(name) = Name::from_bytes(text).filter(|name| !self.names.contains(name)) {
            self.names.push(name);
        }
    }
}

/// The next element: its tag and its content.
fn element<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let tag = cursor.u8()?;
    if tag & 0x1f == 0x1f {
        return None; // a tag of several bytes: certificates have none
    }
    let length = match cursor.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(cursor.u8()?),
        0x82 => usize::from(cursor.u16()?),
        0x83 => cursor.u24()? as usize,
        _ => return None, // unbounded, or beyond what is ever kept
    };
    Some((tag, cursor.take(length)?))
}

/// The content of the next element, if it has this tag.
fn inside<'a>(cursor: &mut Cursor<'a>, wanted: u8) -> Option<&'a [u8]> {
    element(cursor).filter(|(tag, _)| *tag == wanted).map(|(_, content)| content)
}

/// The contents of all elements with this tag, up to the first that is broken.
fn all(content: &[u8], wanted: u8) -> impl Iterator<Item = &[u8]> {
    let mut cursor = Cursor::new(content);
    std::iter::from_fn(move || element(&mut cursor))
        .filter(move |(tag, _)| *tag == wanted)
        .map(|(_, content)| content)
}
