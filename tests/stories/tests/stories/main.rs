//! What users would notice, told through the front door.

mod labels;
mod signatures;
