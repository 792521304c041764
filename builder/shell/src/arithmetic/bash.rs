//! What bash's expressions have besides: `,`, `**`, `++`, `BASE#NUMBER`, arrays, and expressions in variables.

use super::{MAX_DEPTH, Place, Reader, evaluate_within};

impl Reader<'_> {
    /// `a, b`: bash's alone.
    pub(super) fn comma(&mut self) -> Result<i64, String> {
        let mut value = self.assignment()?;
        while self.bash && self.peek() == Some(b',') {
            self.at += 1;
            value = self.assignment()?;
        }
        Ok(value)
    }

    /// `NAME`, and the subscript that follows.
    pub(super) fn place(&mut self, name: String) -> Result<Place, String> {
        if !self.bash || self.text.get(self.at) != Some(&b'[') {
            return Ok(Place { name, index: None });
        }
        self.at += 1;
        let index = self.comma()?;
        if self.peek() != Some(b']') {
            return Err("arithmetic expression: expected `]`".to_owned());
        }
        self.at += 1;
        Ok(Place { name, index: Some(index) })
    }

    pub(super) fn load(&mut self, place: &Place) -> Result<i64, String> {
        if !self.bash {
            return self.variable(&place.name);
        }
        if self.skipping > 0 {
            return Ok(0);
        }
        let text = match place.index {
            None => self.names.value(&place.name)?,
            Some(index) => self.names.element(&place.name, index)?,
        };
        let text = text.unwrap_or_default();
        if self.depth >= MAX_DEPTH {
            return Err("arithmetic expression: nested too deep".to_owned());
        }
        evaluate_within(&text, &mut *self.names, self.depth + 1, &mut *self.fuel)
    }

    pub(super) fn store(&mut self, place: &Place, value: i64) -> Result<(), String> {
        match place.index {
            None => self.names.assign(&place.name, value),
            Some(index) => self.names.assign_element(&place.name, index, value),
        }
    }

    /// Whether `++` or `--` stands here with a name behind it.
    pub(super) fn steps_ahead(&self) -> bool {
        let after = |op: &str| {
            let rest = self.text.get(self.at..).and_then(|rest| rest.strip_prefix(op.as_bytes()));
            let next = rest.and_then(|rest| rest.iter().find(|byte| !byte.is_ascii_whitespace()));
            next.is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_')
        };
        self.bash && (after("++") || after("--"))
    }

    /// A value with what changes it: `++x`, `x--`.
    pub(super) fn stepped(&mut self, place: &Place) -> Result<i64, String> {
        self.peek();
        let by = match (self.looking_at("++"), self.looking_at("--")) {
            (true, _) => 1,
            (_, true) => -1,
            _ => return self.load(place),
        };
        let value = self.load(place)?;
        self.at += 2;
        if self.skipping == 0 {
            self.store(place, value.wrapping_add(by))?;
        }
        Ok(value)
    }

    fn step_first(&mut self) -> Result<i64, String> {
        let by = if self.looking_at("++") { 1 } else { -1 };
        self.at += 2;
        self.peek();
        let Some(name) = self.name() else { return Err("arithmetic expression: expected a name".to_owned()) };
        let place = self.place(name)?;
        let value = self.load(&place)?.wrapping_add(by);
        if self.skipping == 0 {
            self.store(&place, value)?;
        }
        Ok(value)
    }

    /// `a ** b`, which binds to the right, and less than the signs in `before`.
    pub(super) fn power(&mut self, before: &mut Vec<u8>) -> Result<i64, String> {
        let mut base = if self.steps_ahead() { self.step_first()? } else { self.primary()? };
        self.peek();
        if !self.looking_at("**") || self.looking_at("**=") {
            return Ok(base);
        }
        while let Some(op) = before.pop() {
            base = sign(op, base);
        }
        self.at += 2;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("arithmetic expression: nested too deep".to_owned());
        }
        let exponent = self.unary()?;
        self.depth -= 1;
        match u64::try_from(exponent) {
            Ok(exponent) => Ok(power(base, exponent)),
            Err(_) if self.skipping > 0 => Ok(0),
            Err(_) => Err("arithmetic expression: exponent less than 0".to_owned()),
        }
    }

    /// `12`, `0x1f`, `017` or `BASE#DIGITS`, whose first digit stands at `begin`.
    pub(super) fn bash_number(&mut self, begin: usize) -> Result<i64, String> {
        while self
            .text
            .get(self.at)
            .is_some_and(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'@' | b'_'))
        {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(self.text.get(begin..self.at).unwrap_or_default()).into_owned();
        let found = match text.split_once('#') {
            Some((base, digits)) => {
                base.parse().ok().filter(|base| (2..=64).contains(base)).and_then(|base| number(digits, base))
            }
            None => match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(hex) => number(hex, 16),
                None if text.len() > 1 && text.starts_with('0') => number(&text, 8),
                None => number(&text, 10),
            },
        };
        found.ok_or_else(|| format!("arithmetic expression: `{text}` is no number"))
    }
}

fn sign(op: u8, value: i64) -> i64 {
    match op {
        b'!' => i64::from(value == 0),
        b'~' => !value,
        b'-' => value.wrapping_neg(),
        _ => value,
    }
}

fn power(mut base: i64, mut exponent: u64) -> i64 {
    let mut value = 1i64;
    while exponent > 0 {
        if exponent & 1 == 1 {
            value = value.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        exponent >>= 1;
    }
    value
}

/// Digits in a base of at most 64; they wrap as bash's do.
fn number(digits: &str, base: i64) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0i64, |value, c| {
        let digit = match c {
            '0'..='9' => c as i64 - '0' as i64,
            'a'..='z' => c as i64 - 'a' as i64 + 10,
            'A'..='Z' if base <= 36 => c as i64 - 'A' as i64 + 10,
            'A'..='Z' => c as i64 - 'A' as i64 + 36,
            '@' => 62,
            '_' => 63,
            _ => return None,
        };
        (digit < base).then(|| value.wrapping_mul(base).wrapping_add(digit))
    })
}
