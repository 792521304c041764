//! An `awk` program to rules.

/// Expressions and statements within each other.
const MAX_DEPTH: usize = 40;
/// Operators in a row, in the whole program: each makes the tree one deeper.
const MAX_LINKS: usize = 300;

#[derive(Debug)]
pub(super) struct Program {
    /// A rule without a body prints.
    pub(super) rules: Vec<(Pattern, Option<Vec<Statement>>)>,
}

#[derive(Debug)]
pub(super) enum Pattern {
    Begin,
    End,
    Always,
    If(Expression),
    Range(Expression, Expression),
}

#[derive(Debug)]
pub(super) enum Statement {
    Expression(Expression),
    Print(Vec<Expression>),
    Printf(Vec<Expression>),
    If(Expression, Vec<Statement>, Vec<Statement>),
    /// `first`: the body runs once before the condition is asked.
    While {
        condition: Expression,
        body: Vec<Statement>,
        step: Option<Expression>,
        first: bool,
    },
    ForIn(String, String, Vec<Statement>),
    Block(Vec<Statement>),
    Delete(String, Option<Vec<Expression>>),
    Next,
    Break,
    Continue,
    Exit(Option<Expression>),
}

#[derive(Debug, Clone)]
pub(super) enum Expression {
    Number(f64),
    Text(String),
    Regex(String),
    Variable(String),
    Field(Box<Expression>),
    Element(String, Vec<Expression>),
    In(Vec<Expression>, String),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    If(Box<Expression>, Box<Expression>, Box<Expression>),
    /// `true` for `!~`.
    Match(bool, Box<Expression>, Box<Expression>),
    Compare(&'static str, Box<Expression>, Box<Expression>),
    Concatenate(Box<Expression>, Box<Expression>),
    Arithmetic(char, Box<Expression>, Box<Expression>),
    Assign(Option<char>, Box<Expression>, Box<Expression>),
    Step {
        target: Box<Expression>,
        by: f64,
        before: bool,
    },
    Call(String, Vec<Expression>),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Regex(String),
    Name(String),
    Op(&'static str),
    Newline,
}

pub(super) fn parse(text: &str) -> Result<Program, String> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0, no_in: false, no_greater: false, links: 0 };
    let mut rules = Vec::new();
    loop {
        parser.separators();
        if parser.peek().is_none() {
            return Ok(Program { rules });
        }
        let pattern = match parser.peek() {
            Some(Token::Name(name)) if name == "BEGIN" => {
                parser.at += 1;
                Pattern::Begin
            }
            Some(Token::Name(name)) if name == "END" => {
                parser.at += 1;
                Pattern::End
            }
            Some(Token::Op("{")) => Pattern::Always,
            _ => {
                let first = parser.expression()?;
                if parser.take(",") {
                    parser.newlines();
                    Pattern::Range(first, parser.expression()?)
                } else {
                    Pattern::If(first)
                }
            }
        };
        let body = if parser.is("{") { Some(parser.block()?) } else { None };
        if body.is_none() && matches!(pattern, Pattern::Begin | Pattern::End) {
            return Err("`BEGIN` and `END` want a body".to_owned());
        }
        rules.push((pattern, body));
    }
}

const OPERATORS: [&str; 38] = [
    "**", "&&", "||", "==", "<=", ">=", "!=", "!~", "++", "--", "+=", "-=", "*=", "/=", "%=", "^=", "{", "}", "(", ")",
    "[", "]", ";", ",", "+", "-", "*", "/", "%", "^", "!", ">", "<", "|", "?", ":", "~", "$",
];

fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == ' ' || c == '\t' || c == '\r' {
            rest = &rest[1..];
        } else if c == '\n' {
            rest = &rest[1..];
            tokens.push(Token::Newline);
        } else if let Some(after) = rest.strip_prefix("\\\n") {
            rest = after;
        } else if c == '#' {
            rest = rest.get(rest.find('\n').unwrap_or(rest.len())..).unwrap_or_default();
        } else if c == '"' {
            let (body, after) = until(&rest[1..], '"').ok_or("a text without an end")?;
            tokens.push(Token::Text(unescape(body)));
            rest = after;
        } else if c == '/' && regex_follows(tokens.last()) {
            let (body, after) = until(&rest[1..], '/').ok_or("an expression without an end")?;
            tokens.push(Token::Regex(body.to_owned()));
            rest = after;
        } else if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let mut length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
            if rest[length..].starts_with(['e', 'E']) {
                let sign = usize::from(rest[length + 1..].starts_with(['+', '-']));
                let digits = rest[length + 1 + sign..].bytes().take_while(u8::is_ascii_digit).count();
                if digits > 0 {
                    length += 1 + sign + digits;
                }
            }
            let number = rest[..length].parse().map_err(|_| format!("`{}` is no number", &rest[..length]))?;
            tokens.push(Token::Number(number));
            rest = &rest[length..];
        } else if crate::word::is_name_start(c) {
            let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            tokens.push(Token::Name(rest[..length].to_owned()));
            rest = &rest[length..];
        } else if c == '=' && !rest.starts_with("==") {
            tokens.push(Token::Op("="));
            rest = &rest[1..];
        } else if let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) {
            tokens.push(Token::Op(if op == "**" { "^" } else { op }));
            rest = &rest[op.len()..];
        } else {
            return Err(format!("`{c}` is not known"));
        }
    }
    Ok(tokens)
}

/// A slash divides behind a value and begins an expression elsewhere.
fn regex_follows(last: Option<&Token>) -> bool {
    !matches!(
        last,
        Some(Token::Number(_) | Token::Text(_) | Token::Regex(_) | Token::Op(")" | "]" | "$" | "++" | "--"))
    ) && !matches!(last, Some(Token::Name(name)) if !matches!(name.as_str(), "print" | "return" | "in"))
}

/// The text up to a letter that no backslash stands before, and what follows it.
fn until(text: &str, close: char) -> Option<(&str, &str)> {
    let mut letters = text.char_indices();
    while let Some((at, c)) = letters.next() {
        match c {
            '\\' => {
                letters.next();
            }
            c if c == close => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// A text's backslashes.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match c {
            '\\' => match letters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(next @ ('\\' | '"' | '/')) => out.push(next),
                Some(next) => out.extend(['\\', next]),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Within `for (… in …)`.
    no_in: bool,
    /// Within `print`, where `>` would be a redirection.
    no_greater: bool,
    /// Operators that hang one value below another without counting as nested.
    links: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, op: &str) -> bool {
        matches!(self.peek(), Some(Token::Op(found)) if *found == op)
    }

    fn take(&mut self, op: &str) -> bool {
        let is = self.is(op);
        self.at += usize::from(is);
        is
    }

    fn take_any(&mut self, ops: &[&'static str]) -> Option<&'static str> {
        ops.iter().copied().find(|op| self.take(op))
    }

    fn expect(&mut self, op: &str) -> Result<(), String> {
        if self.take(op) { Ok(()) } else { Err(format!("expected `{op}`")) }
    }

    fn take_name(&mut self, name: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Name(found)) if found == name);
        self.at += usize::from(is);
        is
    }

    fn newlines(&mut self) {
        while self.peek() == Some(&Token::Newline) {
            self.at += 1;
        }
    }

    fn separators(&mut self) {
        while self.peek() == Some(&Token::Newline) || self.is(";") {
            self.at += 1;
        }
    }

    fn enter(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err("nested too deep".to_owned()) } else { Ok(()) }
    }

    fn link(&mut self) -> Result<(), String> {
        self.links += 1;
        if self.links > MAX_LINKS { Err("too many operators".to_owned()) } else { Ok(()) }
    }

    fn block(&mut self) -> Result<Vec<Statement>, String> {
        self.expect("{")?;
        let mut statements = Vec::new();
        loop {
            self.separators();
            if self.take("}") {
                return Ok(statements);
            }
            if self.peek().is_none() {
                return Err("`{` without an end".to_owned());
            }
            statements.push(self.statement()?);
            if !matches!(self.peek(), Some(Token::Newline | Token::Op(";" | "}"))) && !self.ended_block() {
                return Err("a statement without an end".to_owned());
            }
        }
    }

    /// The statement just read ended with a brace or a separator already.
    fn ended_block(&self) -> bool {
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        matches!(last, Some(Token::Op("}" | ";") | Token::Newline))
    }

    /// The body of `if` and loops.
    fn body(&mut self) -> Result<Vec<Statement>, String> {
        self.newlines();
        if self.is("{") {
            return self.block();
        }
        if self.take(";") {
            return Ok(Vec::new());
        }
        Ok(vec![self.statement()?])
    }

    fn statement(&mut self) -> Result<Statement, String> {
        self.enter()?;
        let statement = self.statement_inside();
        self.depth -= 1;
        statement
    }

    fn statement_inside(&mut self) -> Result<Statement, String> {
        if self.is("{") {
            return Ok(Statement::Block(self.block()?));
        }
        if self.take_name("if") {
            self.expect("(")?;
            let condition = self.expression()?;
            self.expect(")")?;
            let yes = self.body()?;
            let before = self.at;
            self.separators();
            let no = if self.take_name("else") {
                self.body()?
            } else {
                self.at = before;
                Vec::new()
            };
            return Ok(Statement::If(condition, yes, no));
        }
        if self.take_name("while") {
            self.expect("(")?;
            let condition = self.expression()?;
            self.expect(")")?;
            return Ok(Statement::While { condition, body: self.body()?, step: None, first: false });
        }
        if self.take_name("do") {
            let body = self.body()?;
            self.separators();
            if !self.take_name("while") {
                return Err("expected `while`".to_owned());
            }
            self.expect("(")?;
            let condition = self.expression()?;
            self.expect(")")?;
            return Ok(Statement::While { condition, body, step: None, first: true });
        }
        if self.take_name("for") {
            return self.for_loop();
        }
        if self.take_name("next") {
            return Ok(Statement::Next);
        }
        if self.take_name("break") {
            return Ok(Statement::Break);
        }
        if self.take_name("continue") {
            return Ok(Statement::Continue);
        }
        if self.take_name("exit") {
            let code = if self.at_end() { None } else { Some(self.expression()?) };
            return Ok(Statement::Exit(code));
        }
        if self.take_name("delete") {
            let Some(Token::Name(array)) = self.peek().cloned() else {
                return Err("`delete` wants an array".to_owned());
            };
            self.at += 1;
            let keys = if self.take("[") { Some(self.list("]")?) } else { None };
            return Ok(Statement::Delete(array, keys));
        }
        let print = self.take_name("print");
        if print || self.take_name("printf") {
            let expressions = self.printed()?;
            if self.is(">") || self.is("|") {
                return Err("output to files and commands is not followed".to_owned());
            }
            return Ok(if print { Statement::Print(expressions) } else { Statement::Printf(expressions) });
        }
        Ok(Statement::Expression(self.expression()?))
    }

    fn at_end(&self) -> bool {
        matches!(self.peek(), None | Some(Token::Newline | Token::Op(";" | "}" | ">" | "|")))
    }

    fn printed(&mut self) -> Result<Vec<Expression>, String> {
        if self.at_end() {
            return Ok(Vec::new());
        }
        let begin = self.at;
        // `print (a, b)`: the parentheses are the list's where nothing follows them.
        if self.take("(") {
            let outer = std::mem::replace(&mut self.no_greater, false);
            let list = self.list(")");
            self.no_greater = outer;
            if let Ok(list) = list
                && self.at_end()
            {
                return Ok(list);
            }
            self.at = begin;
        }
        let outer = std::mem::replace(&mut self.no_greater, true);
        let mut list = vec![self.expression()?];
        while self.take(",") {
            self.newlines();
            list.push(self.expression()?);
        }
        self.no_greater = outer;
        Ok(list)
    }

    fn for_loop(&mut self) -> Result<Statement, String> {
        self.expect("(")?;
        if let (Some(Token::Name(name)), Some(Token::Name(word)), Some(Token::Name(array)), Some(Token::Op(")"))) =
            (self.peek(), self.tokens.get(self.at + 1), self.tokens.get(self.at + 2), self.tokens.get(self.at + 3))
            && word == "in"
        {
            let (name, array) = (name.clone(), array.clone());
            self.at += 4;
            return Ok(Statement::ForIn(name, array, self.body()?));
        }
        let first = if self.is(";") { None } else { Some(self.expression()?) };
        self.expect(";")?;
        let condition = if self.is(";") { Expression::Number(1.0) } else { self.expression()? };
        self.expect(";")?;
        let step = if self.is(")") { None } else { Some(self.expression()?) };
        self.expect(")")?;
        let turn = Statement::While { condition, body: self.body()?, step, first: false };
        Ok(Statement::Block(first.map(Statement::Expression).into_iter().chain([turn]).collect()))
    }

    fn list(&mut self, close: &str) -> Result<Vec<Expression>, String> {
        let mut list = Vec::new();
        self.newlines();
        while !self.take(close) {
            if !list.is_empty() {
                self.expect(",")?;
                self.newlines();
            }
            list.push(self.expression()?);
            self.newlines();
        }
        Ok(list)
    }

    fn expression(&mut self) -> Result<Expression, String> {
        self.enter()?;
        let expression = self.ternary();
        self.depth -= 1;
        let left = expression?;
        let op = self.take_any(&["=", "+=", "-=", "*=", "/=", "%=", "^="]);
        let Some(op) = op else { return Ok(left) };
        if !matches!(left, Expression::Variable(_) | Expression::Field(_) | Expression::Element(..)) {
            return Err("an assignment to something else than a variable".to_owned());
        }
        self.enter()?;
        let right = self.expression()?;
        self.depth -= 1;
        let op = op.chars().next().filter(|op| *op != '=');
        Ok(Expression::Assign(op, Box::new(left), Box::new(right)))
    }

    fn ternary(&mut self) -> Result<Expression, String> {
        let condition = self.or()?;
        if !self.take("?") {
            return Ok(condition);
        }
        self.newlines();
        let yes = self.expression()?;
        self.newlines();
        self.expect(":")?;
        self.newlines();
        let no = self.expression()?;
        Ok(Expression::If(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.take("||") {
            self.link()?;
            self.newlines();
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.membership()?;
        while self.take("&&") {
            self.link()?;
            self.newlines();
            left = Expression::And(Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Result<Expression, String> {
        let mut left = self.matching()?;
        while !self.no_in && self.take_name("in") {
            self.link()?;
            let Some(Token::Name(array)) = self.peek().cloned() else { return Err("`in` wants an array".to_owned()) };
            self.at += 1;
            left = Expression::In(vec![left], array);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Result<Expression, String> {
        let mut left = self.comparison()?;
        while let Some(op) = self.take_any(&["~", "!~"]) {
            self.link()?;
            left = Expression::Match(op == "!~", Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let left = self.concatenation()?;
        let op = match self.no_greater {
            true => self.take_any(&["<", "<=", "==", "!=", ">="]),
            false => self.take_any(&["<", "<=", "==", "!=", ">=", ">"]),
        };
        Ok(match op {
            Some(op) => Expression::Compare(op, Box::new(left), Box::new(self.concatenation()?)),
            None => left,
        })
    }

    fn concatenation(&mut self) -> Result<Expression, String> {
        let mut left = self.sum()?;
        loop {
            let follows = match self.peek() {
                Some(Token::Number(_) | Token::Text(_)) => true,
                Some(Token::Name(name)) if name == "getline" => return Err("`getline` is not followed".to_owned()),
                Some(Token::Name(name)) => name != "in",
                Some(Token::Op(op)) => matches!(*op, "$" | "!" | "(" | "++" | "--"),
                _ => false,
            };
            if !follows {
                return Ok(left);
            }
            self.link()?;
            left = Expression::Concatenate(Box::new(left), Box::new(self.sum()?));
        }
    }

    fn sum(&mut self) -> Result<Expression, String> {
        let mut left = self.product()?;
        while let Some(op) = self.take_any(&["+", "-"]) {
            self.link()?;
            let op = if op == "+" { '+' } else { '-' };
            left = Expression::Arithmetic(op, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expression, String> {
        let mut left = self.unary()?;
        while let Some(op) = self.take_any(&["*", "/", "%"]) {
            self.link()?;
            let op = op.chars().next().unwrap_or('*');
            left = Expression::Arithmetic(op, Box::new(left), Box::new(self.unary()?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        self.enter()?;
        let expression = match self.take_any(&["!", "-", "+"]) {
            Some("!") => Expression::Not(Box::new(self.unary()?)),
            Some("-") => Expression::Negative(Box::new(self.unary()?)),
            Some(_) => Expression::Positive(Box::new(self.unary()?)),
            None => {
                let base = self.postfix()?;
                match self.take("^") {
                    true => Expression::Arithmetic('^', Box::new(base), Box::new(self.unary()?)),
                    false => base,
                }
            }
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn postfix(&mut self) -> Result<Expression, String> {
        if let Some(op) = self.take_any(&["++", "--"]) {
            let target = Box::new(self.primary()?);
            return Ok(Expression::Step { target, by: if op == "++" { 1.0 } else { -1.0 }, before: true });
        }
        let base = self.primary()?;
        let assignable = matches!(base, Expression::Variable(_) | Expression::Field(_) | Expression::Element(..));
        if assignable && let Some(op) = self.take_any(&["++", "--"]) {
            return Ok(Expression::Step {
                target: Box::new(base),
                by: if op == "++" { 1.0 } else { -1.0 },
                before: false,
            });
        }
        Ok(base)
    }

    fn primary(&mut self) -> Result<Expression, String> {
        let token = self.peek().cloned().ok_or("the program ends too early")?;
        self.at += 1;
        match token {
            Token::Number(number) => Ok(Expression::Number(number)),
            Token::Text(text) => Ok(Expression::Text(text)),
            Token::Regex(text) => Ok(Expression::Regex(text)),
            Token::Op("$") => {
                self.enter()?;
                let at = match self.take_any(&["++", "--", "-"]) {
                    Some("-") => Expression::Negative(Box::new(self.primary()?)),
                    Some(op) => {
                        let target = Box::new(self.primary()?);
                        Expression::Step { target, by: if op == "++" { 1.0 } else { -1.0 }, before: true }
                    }
                    None => self.primary()?,
                };
                self.depth -= 1;
                Ok(Expression::Field(Box::new(at)))
            }
            Token::Op("(") => {
                let outer = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
                let mut list = self.list(")")?;
                (self.no_in, self.no_greater) = outer;
                match (list.len(), list.pop()) {
                    // Its own kind, so that `(a) = 1` and `(x)++` do not pass for what they are not.
                    (1, Some(inner)) => Ok(inner),
                    (_, Some(last)) if self.take_name("in") => {
                        list.push(last);
                        let Some(Token::Name(array)) = self.peek().cloned() else {
                            return Err("`in` wants an array".to_owned());
                        };
                        self.at += 1;
                        Ok(Expression::In(list, array))
                    }
                    _ => Err("a list where a value was expected".to_owned()),
                }
            }
            Token::Name(name) => self.named(name),
            Token::Op(op) => Err(format!("`{op}` was not expected")),
            Token::Newline => Err("the line ends too early".to_owned()),
        }
    }

    fn named(&mut self, name: String) -> Result<Expression, String> {
        match name.as_str() {
            "function" | "func" | "getline" | "return" | "BEGIN" | "END" => {
                return Err(format!("`{name}` is not followed here"));
            }
            "length" if !self.is("(") => return Ok(Expression::Call(name, Vec::new())),
            "ENVIRON" | "ARGV" | "ARGC" | "FILENAME" | "CONVFMT" | "OFMT" | "IGNORECASE" | "FPAT" | "FIELDWIDTHS" => {
                return Err(format!("`{name}` is not followed"));
            }
            _ => {}
        }
        if self.take("(") {
            let outer = (std::mem::take(&mut self.no_in), std::mem::take(&mut self.no_greater));
            let list = self.list(")")?;
            (self.no_in, self.no_greater) = outer;
            return Ok(Expression::Call(name, list));
        }
        if self.take("[") {
            return Ok(Expression::Element(name, self.list("]")?));
        }
        Ok(Expression::Variable(name))
    }
}
