//! Tokens to a tree of commands.

use super::NotUnderstood;
use super::lex::{Kind, Token, lex};

/// Deeper nesting than any script in the distribution has.
const MAX_DEPTH: usize = 60;

pub(super) type List = Vec<Node>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Simple(Simple),
    If {
        arms: Vec<(List, List)>,
        otherwise: List,
    },
    Case {
        word: String,
        arms: Vec<(Vec<String>, List)>,
        line: usize,
    },
    For {
        name: String,
        words: Vec<String>,
        body: List,
        line: usize,
    },
    Function {
        name: String,
        body: List,
    },
    Group(List),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// Parsed to find its end, never followed: a pipe, a loop, a subshell, a redirected group.
    Opaque {
        what: &'static str,
        line: usize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Simple {
    pub(super) words: Vec<String>,
    pub(super) redirects: Vec<(String, String)>,
    pub(super) document: bool,
    pub(super) line: usize,
}

pub(super) fn parse(text: &str) -> Result<List, NotUnderstood> {
    let mut parser = Parser { tokens: lex(text)?, at: 0, depth: 0 };
    let list = parser.list(&[])?;
    match parser.peek() {
        None => Ok(list),
        Some(token) => Err(NotUnderstood::new(token.line, "this ends something that was not begun")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |token| token.line)
    }

    fn is_op(&self, op: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Op(found), .. }) if *found == op)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Word(found), .. }) if found == word)
    }

    fn take_op(&mut self, op: &str) -> bool {
        let is = self.is_op(op);
        self.at += usize::from(is);
        is
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        self.at += usize::from(is);
        is
    }

    fn expect_word(&mut self, word: &'static str) -> Result<(), NotUnderstood> {
        if self.take_word(word) { Ok(()) } else { Err(NotUnderstood::new(self.line(), format!("expected `{word}`"))) }
    }

    fn any_word(&mut self) -> Result<String, NotUnderstood> {
        match self.tokens.get(self.at) {
            Some(Token { kind: Kind::Word(word), .. }) => {
                self.at += 1;
                Ok(word.clone())
            }
            _ => Err(NotUnderstood::new(self.line(), "expected a word")),
        }
    }

    fn newlines(&mut self) {
        while self.take_op("newline") {}
    }

    /// Commands up to one of the words in `ends` (left in place), `;;`, `)` or the end of the text.
    fn list(&mut self, ends: &[&str]) -> Result<List, NotUnderstood> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(NotUnderstood::new(self.line(), "nested too deep"));
        }
        let mut list = Vec::new();
        loop {
            while self.take_op("newline") || self.take_op(";") || self.take_op("&") {}
            let done = match self.peek().map(|token| &token.kind) {
                None | Some(Kind::Op(";;" | ")")) => true,
                Some(Kind::Word(word)) => ends.contains(&word.as_str()),
                _ => false,
            };
            if done {
                self.depth -= 1;
                return Ok(list);
            }
            list.push(self.and_or()?);
        }
    }

    fn and_or(&mut self) -> Result<Node, NotUnderstood> {
        let mut left = self.pipeline()?;
        for _ in 0..MAX_DEPTH {
            if self.take_op("&&") {
                self.newlines();
                left = Node::And(Box::new(left), Box::new(self.pipeline()?));
            } else if self.take_op("||") {
                self.newlines();
                left = Node::Or(Box::new(left), Box::new(self.pipeline()?));
            } else {
                return Ok(left);
            }
        }
        Err(NotUnderstood::new(self.line(), "too long a chain of commands"))
    }

    fn pipeline(&mut self) -> Result<Node, NotUnderstood> {
        let line = self.line();
        let negated = self.take_word("!");
        let mut node = self.command()?;
        while self.take_op("|") {
            self.newlines();
            self.command()?;
            node = Node::Opaque { what: "a pipe", line };
        }
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    fn command(&mut self) -> Result<Node, NotUnderstood> {
        let line = self.line();
        let node = if self.take_word("if") {
            self.conditional()?
        } else if self.take_word("case") {
            self.case(line)?
        } else if self.take_word("for") {
            self.for_loop(line)?
        } else if self.is_word("while") || self.is_word("until") {
            self.at += 1;
            self.list(&["do"])?;
            self.body()?;
            Node::Opaque { what: "a loop", line }
        } else if self.take_word("{") {
            let list = self.list(&["}"])?;
            self.expect_word("}")?;
            Node::Group(list)
        } else if self.take_op("(") {
            self.list(&[])?;
            if !self.take_op(")") {
                return Err(NotUnderstood::new(line, "`(` without an end"));
            }
            Node::Opaque { what: "a subshell", line }
        } else {
            return self.simple(line);
        };
        // What a compound command prints may go nowhere; where it goes elsewhere, it is not followed.
        let redirected = self.redirects()?;
        let harmless = redirected.redirects.iter().all(|(_, target)| is_nowhere(target)) && !redirected.document;
        Ok(if harmless { node } else { Node::Opaque { what: "a redirection", line } })
    }

    fn conditional(&mut self) -> Result<Node, NotUnderstood> {
        let mut arms = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect_word("then")?;
            arms.push((condition, self.list(&["elif", "else", "fi"])?));
            if self.take_word("elif") {
                continue;
            }
            let otherwise = if self.take_word("else") { self.list(&["fi"])? } else { Vec::new() };
            self.expect_word("fi")?;
            return Ok(Node::If { arms, otherwise });
        }
    }

    fn case(&mut self, line: usize) -> Result<Node, NotUnderstood> {
        let word = self.any_word()?;
        self.newlines();
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.take_word("esac") {
                return Ok(Node::Case { word, arms, line });
            }
            self.take_op("(");
            let mut patterns = vec![self.any_word()?];
            while self.take_op("|") {
                patterns.push(self.any_word()?);
            }
            if !self.take_op(")") {
                return Err(NotUnderstood::new(self.line(), "expected `)`"));
            }
            arms.push((patterns, self.list(&["esac"])?));
            self.take_op(";;");
        }
    }

    fn for_loop(&mut self, line: usize) -> Result<Node, NotUnderstood> {
        let name = self.any_word()?;
        let mut words = Vec::new();
        if self.take_word("in") {
            while let Some(Token { kind: Kind::Word(_), .. }) = self.peek() {
                words.push(self.any_word()?);
            }
        } else {
            words.push("\"$@\"".to_owned());
        }
        while self.take_op(";") || self.take_op("newline") {}
        let body = self.body()?;
        Ok(Node::For { name, words, body, line })
    }

    fn body(&mut self) -> Result<List, NotUnderstood> {
        self.expect_word("do")?;
        let body = self.list(&["done"])?;
        self.expect_word("done")?;
        Ok(body)
    }

    fn simple(&mut self, line: usize) -> Result<Node, NotUnderstood> {
        let mut simple = Simple { line, ..Simple::default() };
        loop {
            match self.peek().map(|token| token.kind.clone()) {
                Some(Kind::Word(word)) => {
                    self.at += 1;
                    simple.words.push(word);
                }
                Some(Kind::Redirect(_) | Kind::HereDocument) => {
                    let more = self.redirects()?;
                    simple.redirects.extend(more.redirects);
                    simple.document |= more.document;
                }
                Some(Kind::Op("(")) if simple.words.len() == 1 => {
                    self.at += 1;
                    if !self.take_op(")") {
                        return Err(NotUnderstood::new(line, "expected `()`"));
                    }
                    self.newlines();
                    self.expect_word("{")?;
                    let body = self.list(&["}"])?;
                    self.expect_word("}")?;
                    return Ok(Node::Function { name: simple.words.remove(0), body });
                }
                _ if simple.words.is_empty() && simple.redirects.is_empty() => {
                    return Err(NotUnderstood::new(line, "expected a command"));
                }
                _ => return Ok(Node::Simple(simple)),
            }
        }
    }

    fn redirects(&mut self) -> Result<Simple, NotUnderstood> {
        let mut simple = Simple::default();
        loop {
            match self.peek().map(|token| token.kind.clone()) {
                Some(Kind::Redirect(op)) => {
                    self.at += 1;
                    // `2>&1`: the lexer sees the `&` as an operator.
                    let duplicate = self.take_op("&");
                    let target = self.any_word()?;
                    simple.redirects.push((op, if duplicate { format!("&{target}") } else { target }));
                }
                Some(Kind::HereDocument) => {
                    self.at += 1;
                    simple.document = true;
                }
                _ => return Ok(simple),
            }
        }
    }
}

/// Whether nothing is left behind by writing to (or reading from) this redirection's target.
pub(super) fn is_nowhere(target: &str) -> bool {
    matches!(target, "/dev/null" | "&1" | "&2")
}
