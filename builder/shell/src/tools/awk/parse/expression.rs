//! Tokens to expressions, by how tightly operators bind.

use super::Parser;
use crate::tools::awk::lex::Token;
use crate::tools::awk::program::Expression;

impl Parser {
    pub(super) fn expression(&mut self) -> Result<Expression, String> {
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
