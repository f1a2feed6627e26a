//! Reads the fields of a packet's body one after the other.

use super::frame::variable_byte_integer;
use super::{DecodeError, text};

/// What is left of a body.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.0.split_at_checked(len) else {
            return Err(DecodeError::malformed("a field reaches beyond the end of the packet"));
        };
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn two_bytes(&mut self) -> Result<u16, DecodeError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn four_bytes(&mut self) -> Result<u32, DecodeError> {
        let bytes = self.take(4)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    pub(super) fn variable(&mut self) -> Result<u32, DecodeError> {
        let Some((value, len)) = variable_byte_integer(self.0)? else {
            return Err(DecodeError::malformed("a variable byte integer is cut off"));
        };
        self.take(len)?;
        // Four groups of seven bits fit.
        Ok(u32::try_from(value).unwrap_or(u32::MAX))
    }

    pub(super) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.two_bytes()?;
        self.take(usize::from(len))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, DecodeError> {
        text::check(self.binary()?)
    }

    /// The bytes of a property section.
    pub(super) fn properties(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.variable()?;
        self.take(len as usize)
    }

    pub(super) fn packet_id(&mut self) -> Result<u16, DecodeError> {
        match self.two_bytes()? {
            // [MQTT-2.2.1-3], [MQTT-2.3.1-1]
            0 => Err(DecodeError::malformed("the packet id is 0")),
            id => Ok(id),
        }
    }
}
