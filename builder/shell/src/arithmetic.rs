//! `$(( ))` (XCU 2.6.4): signed 64-bit integers that wrap, names, and C's operators as dash has them.

/// Parentheses within parentheses.
const MAX_DEPTH: usize = 50;
/// Expressions that variables hold, and that are read for the value of one.
const MAX_EXPRESSIONS: usize = 1_000;

/// Where names get their values.
pub(crate) trait Names {
    fn is_bash(&self) -> bool;
    /// `Err` when it cannot be known.
    fn value(&mut self, name: &str) -> Result<Option<String>, String>;
    /// `Err` when it cannot be set.
    fn assign(&mut self, name: &str, value: i64) -> Result<(), String>;
    /// The same of a value of bash's arrays.
    fn element(&mut self, name: &str, index: i64) -> Result<Option<String>, String>;
    fn assign_element(&mut self, name: &str, index: i64, value: i64) -> Result<(), String>;
}

/// The value of an expression whose parameters are expanded.
pub(crate) fn evaluate(text: &str, names: &mut dyn Names) -> Result<i64, String> {
    let mut fuel = MAX_EXPRESSIONS;
    evaluate_within(text, names, 0, &mut fuel)
}

/// The value of an expression that stands in a variable, `depth` deep in others.
fn evaluate_within(text: &str, names: &mut dyn Names, depth: usize, fuel: &mut usize) -> Result<i64, String> {
    *fuel = fuel.checked_sub(1).ok_or("arithmetic expression: too long")?;
    let bash = names.is_bash();
    let mut reader = Reader { text: text.as_bytes(), at: 0, names, skipping: 0, depth, bash, fuel };
    if reader.peek().is_none() {
        return Ok(0);
    }
    let value = reader.comma()?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(format!("arithmetic expression: `{text}` is not one")),
    }
}

/// An integer as dash reads one from a variable: decimal, `0x` or `0`.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => i64::from_str_radix(digits, 8).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

mod bash;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    names: &'a mut dyn Names,
    /// Inside something that is not evaluated: the right side of `0 && …`.
    skipping: usize,
    depth: usize,
    bash: bool,
    fuel: &'a mut usize,
}

/// What an assignment changes.
struct Place {
    name: String,
    index: Option<i64>,
}

/// By how tightly they bind, loosest first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

const ASSIGNMENTS: [&str; 11] = ["<<=", ">>=", "=", "+=", "-=", "*=", "/=", "%=", "&=", "^=", "|="];

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn looking_at(&self, op: &str) -> bool {
        self.text.get(self.at..).is_some_and(|rest| rest.starts_with(op.as_bytes()))
    }

    /// The operator of this level that stands here, unless a longer one does.
    fn operator(&mut self, level: &[&'static str]) -> Option<&'static str> {
        self.peek()?;
        let op = level.iter().copied().find(|op| self.looking_at(op))?;
        let next = self.text.get(self.at + op.len()).copied();
        let longer = match op {
            "|" | "&" => next == Some(op.as_bytes()[0]) || next == Some(b'='),
            "<" | ">" => next == Some(op.as_bytes()[0]) || next == Some(b'='),
            "*" if self.bash && next == Some(b'*') => true,
            "+" | "-" | "*" | "/" | "%" | "^" | "<<" | ">>" => next == Some(b'='),
            _ => false,
        };
        if longer {
            return None;
        }
        self.at += op.len();
        Some(op)
    }

    fn assignment(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("arithmetic expression: nested too deep".to_owned());
        }
        let value = self.assignment_inside();
        self.depth -= 1;
        value
    }

    fn assignment_inside(&mut self) -> Result<i64, String> {
        self.peek();
        let begin = self.at;
        if let Some(name) = self.name() {
            let place = self.place(name)?;
            self.peek();
            let op = ASSIGNMENTS.into_iter().find(|op| self.looking_at(op));
            if let Some(op) = op.filter(|op| *op != "=" || !self.looking_at("==")) {
                self.at += op.len();
                let right = self.assignment()?;
                let value = match op {
                    "=" => right,
                    op => {
                        let left = self.load(&place)?;
                        self.apply(op.strip_suffix('=').unwrap_or(op), left, right)?
                    }
                };
                if self.skipping == 0 {
                    self.store(&place, value)?;
                }
                return Ok(value);
            }
            self.at = begin;
        }
        self.conditional()
    }

    fn conditional(&mut self) -> Result<i64, String> {
        let condition = self.binary(0)?;
        if self.peek() != Some(b'?') {
            return Ok(condition);
        }
        self.at += 1;
        let yes = self.unless(condition == 0, Self::assignment)?;
        if self.peek() != Some(b':') {
            return Err("arithmetic expression: expected `:`".to_owned());
        }
        self.at += 1;
        let no = self.unless(condition != 0, |reader| {
            reader.depth += 1;
            if reader.depth > MAX_DEPTH {
                return Err("arithmetic expression: nested too deep".to_owned());
            }
            let value = reader.conditional();
            reader.depth -= 1;
            value
        })?;
        Ok(if condition != 0 { yes } else { no })
    }

    fn unless(&mut self, skip: bool, read: impl FnOnce(&mut Self) -> Result<i64, String>) -> Result<i64, String> {
        self.skipping += usize::from(skip);
        let value = read(self);
        self.skipping -= usize::from(skip);
        value
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(op) = self.operator(operators) {
            left = match op {
                "||" => {
                    let right = self.unless(left != 0, |reader| reader.binary(level + 1))?;
                    i64::from(left != 0 || right != 0)
                }
                "&&" => {
                    let right = self.unless(left == 0, |reader| reader.binary(level + 1))?;
                    i64::from(left != 0 && right != 0)
                }
                op => {
                    let right = self.binary(level + 1)?;
                    self.apply(op, left, right)?
                }
            };
        }
        Ok(left)
    }

    fn apply(&self, op: &str, left: i64, right: i64) -> Result<i64, String> {
        Ok(match op {
            "|" => left | right,
            "^" => left ^ right,
            "&" => left & right,
            "==" => i64::from(left == right),
            "!=" => i64::from(left != right),
            "<=" => i64::from(left <= right),
            ">=" => i64::from(left >= right),
            "<" => i64::from(left < right),
            ">" => i64::from(left > right),
            // The machine takes the count's low six bits.
            "<<" => left.wrapping_shl((right & 63) as u32),
            ">>" => left.wrapping_shr((right & 63) as u32),
            "+" => left.wrapping_add(right),
            "-" => left.wrapping_sub(right),
            "*" => left.wrapping_mul(right),
            "/" | "%" if right == 0 => {
                if self.skipping == 0 {
                    return Err("arithmetic expression: division by zero".to_owned());
                }
                0
            }
            "/" => left.wrapping_div(right),
            _ => left.wrapping_rem(right),
        })
    }

    fn unary(&mut self) -> Result<i64, String> {
        let mut before = Vec::new();
        while let Some(op @ (b'!' | b'~' | b'+' | b'-')) = self.peek() {
            if self.steps_ahead() {
                break;
            }
            before.push(op);
            self.at += 1;
        }
        let mut value = if self.bash { self.power(&mut before)? } else { self.primary()? };
        for op in before.into_iter().rev() {
            value = match op {
                b'!' => i64::from(value == 0),
                b'~' => !value,
                b'-' => value.wrapping_neg(),
                _ => value,
            };
        }
        Ok(value)
    }

    fn primary(&mut self) -> Result<i64, String> {
        match self.peek() {
            Some(b'(') => {
                self.at += 1;
                let value = self.comma()?;
                if self.peek() != Some(b')') {
                    return Err("arithmetic expression: expected `)`".to_owned());
                }
                self.at += 1;
                Ok(value)
            }
            Some(b'0'..=b'9') => {
                let begin = self.at;
                while self.text.get(self.at).is_some_and(u8::is_ascii_alphanumeric) {
                    self.at += 1;
                }
                if self.bash {
                    return self.bash_number(begin);
                }
                let digits = String::from_utf8_lossy(self.text.get(begin..self.at).unwrap_or_default()).into_owned();
                integer(&digits).ok_or_else(|| format!("arithmetic expression: `{digits}` is no number"))
            }
            _ => match self.name() {
                Some(name) if self.bash => {
                    let place = self.place(name)?;
                    self.stepped(&place)
                }
                Some(name) => self.variable(&name),
                None => Err("arithmetic expression: expected a value".to_owned()),
            },
        }
    }

    fn name(&mut self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        if !rest.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return None;
        }
        let length = rest.iter().take_while(|&&byte| byte.is_ascii_alphanumeric() || byte == b'_').count();
        self.at += length;
        Some(String::from_utf8_lossy(rest.get(..length)?).into_owned())
    }

    fn variable(&mut self, name: &str) -> Result<i64, String> {
        match self.names.value(name)? {
            None => Ok(0),
            Some(text) if text.trim().is_empty() => Ok(0),
            Some(text) => integer(&text).ok_or_else(|| format!("illegal number: {text}")),
        }
    }
}
