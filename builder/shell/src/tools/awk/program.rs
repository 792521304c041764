//! What a parsed `awk` program is made of.

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
