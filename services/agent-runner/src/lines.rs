//! Lines from a pipe that may carry anything: a line of a megabyte, binary, no line end at all.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// One line, without its end. Bytes that are not UTF-8 are replaced.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// All of it.
    Whole(String),
    /// Its first `limit` bytes; the rest was read and dropped.
    Cut {
        /// The bytes kept.
        head: String,
        /// How long the line was, in bytes.
        length: u64,
    },
}

/// Reads the next line, keeping at most `limit` bytes of it in memory. `None` at the end.
///
/// # Errors
/// When the pipe cannot be read.
pub async fn next_line(reader: &mut (impl AsyncBufRead + Unpin), limit: usize) -> io::Result<Option<Line>> {
    let (mut kept, mut length, mut ended) = (Vec::new(), 0_u64, false);
    while !ended {
        let chunk = reader.fill_buf().await?;
        if chunk.is_empty() {
            break;
        }
        let (part, used) = match chunk.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&chunk[..end], end + 1),
            None => (chunk, chunk.len()),
        };
        ended = used > part.len();
        length += part.len() as u64;
        kept.extend_from_slice(&part[..part.len().min(limit - kept.len())]);
        reader.consume(used);
    }
    if length == 0 && !ended {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&kept).into_owned();
    Ok(Some(if length > limit as u64 { Line::Cut { head: text, length } } else { Line::Whole(text) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn all(bytes: &[u8], buffer: usize) -> Vec<Line> {
        let mut reader = tokio::io::BufReader::with_capacity(buffer, bytes);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut reader, 8).await.unwrap() {
            lines.push(line);
        }
        lines
    }

    #[tokio::test]
    async fn long_binary_and_unfinished_lines_are_survived() {
        for buffer in [1, 3, 64] {
            let lines = all(b"short\n\n0123456789\n\xff\x00x\nrest", buffer).await;
            let whole = |text: &str| Line::Whole(text.into());
            let cut = Line::Cut { head: "01234567".into(), length: 10 };
            assert_eq!(lines, [whole("short"), whole(""), cut, whole("\u{fffd}\0x"), whole("rest")]);
        }
    }
}
