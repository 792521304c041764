//! An `awk` program to rules.

mod expression;

use super::lex::{Token, lex};
use super::program::{Expression, Pattern, Program, Statement};

/// Expressions and statements within each other.
const MAX_DEPTH: usize = 40;
/// Operators in a row, in the whole program: each makes the tree one deeper.
const MAX_LINKS: usize = 300;

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
}
