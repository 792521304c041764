//! Reads Kconfig files: <https://docs.kernel.org/kbuild/kconfig-language.html>.
//!
//! Nothing is run. `$(NAME)` is replaced by a variable's value, everything else behind a `$` is the toolchain's answer and kept
//! as a name for it. Files may be anybody's: their number, sizes and depths are bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::expr::{Expr, MacroId, Relation, SymbolId, Term, Tristate};
use crate::line::{Text, Token, Variables, assignment, expanded, statements, tokens};
use crate::symbols::{Choice, Condition, Entry, Place, Property, Reverse, Scope, Symbol, SymbolType, Symbols};

/// Linux 6.12 has 8 MiB in 1,700 files.
const MOST_BYTES: usize = 64 << 20;
const MOST_FILES: usize = 20_000;
/// `source` within `source`, blocks within blocks, brackets within brackets.
const DEEPEST: usize = 64;

/// Where Kconfig files come from.
pub trait KconfigFiles {
    /// The bytes of the file at `path`, from the top of the kernel's source; `None` where there is none.
    fn read(&self, path: &str) -> Option<Vec<u8>>;
}

impl KconfigFiles for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Option<Vec<u8>> {
        self.get(path).cloned()
    }
}

/// Why Kconfig files cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// A file that is not there.
    Missing {
        /// Its path.
        file: String,
        /// The line that names it; `None` for the first.
        place: Option<Place>,
    },
    /// A line that says nothing known, or a block that does not end.
    Syntax {
        /// What was expected.
        what: &'static str,
        /// The line.
        place: Place,
    },
    /// More than any kernel has.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// Where it got too much.
        place: Place,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Missing { file, place: None } => write!(f, "the kernel's source has no `{file}`"),
            ReadError::Missing { file, place: Some(place) } => {
                write!(f, "the kernel's source has no `{file}`, which {place} names")
            }
            ReadError::Syntax { what, place } => write!(f, "{place} is no Kconfig: expected {what}"),
            ReadError::TooMuch { what, place } => write!(f, "too many {what} at {place}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl Symbols {
    /// Reads the file `Kconfig` and all that it names. `variables` is what the kernel's `make` would have in its environment:
    /// `SRCARCH` (`x86`, `arm64`) and `ARCH` (`x86_64`, `arm64`) above all.
    pub fn read(files: &dyn KconfigFiles, variables: &[(&str, &str)]) -> Result<Symbols, ReadError> {
        let variables: Variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader {
            files,
            variables,
            macros: BTreeMap::new(),
            symbols: Symbols { scopes: vec![Scope::default()], ..Symbols::default() },
            selects: Vec::new(),
            implies: Vec::new(),
            blocks: Vec::new(),
            current: Current::Nothing,
            bytes: 0,
            read: 0,
        };
        reader.tree()?;
        Ok(reader.finish())
    }
}

struct Reader<'a> {
    files: &'a dyn KconfigFiles,
    variables: Variables,
    macros: BTreeMap<String, MacroId>,
    symbols: Symbols,
    selects: Vec<(SymbolId, Reverse)>,
    implies: Vec<(SymbolId, Reverse)>,
    blocks: Vec<Block>,
    current: Current,
    bytes: usize,
    read: usize,
}

/// What an open block is, and the scope of what is within.
struct Block {
    kind: BlockKind,
    scope: usize,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    If,
    Menu,
    Choice(usize),
}

/// What the next `depends on` belongs to.
#[derive(Clone, Copy)]
enum Current {
    Nothing,
    Entry(SymbolId, usize),
    /// A menu or choice: the scope of what is within.
    Scope(usize),
    Choice(usize, usize),
}

/// A file that is being read.
struct Open {
    name: Arc<str>,
    lines: Vec<(usize, String)>,
    next: usize,
    /// How many blocks were open when it began.
    blocks: usize,
}

impl Reader<'_> {
    fn tree(&mut self) -> Result<(), ReadError> {
        let mut open = vec![self.open("Kconfig", None)?];
        while let Some(file) = open.last_mut() {
            let Some((number, line)) = file.lines.get_mut(file.next) else {
                if let Some(block) = self.blocks.get(file.blocks) {
                    return Err(ReadError::Syntax { what: "the block's end", place: block.place.clone() });
                }
                open.pop();
                self.current = Current::Nothing;
                continue;
            };
            file.next += 1;
            let place = Place { file: file.name.clone(), line: *number };
            let line = std::mem::take(line);
            if let Some(source) = self.statement(&line, &place, file.blocks)? {
                if open.len() >= DEEPEST {
                    return Err(ReadError::TooMuch { what: "files within files", place });
                }
                open.push(self.open(&source, Some(place))?);
            }
        }
        Ok(())
    }

    fn open(&mut self, path: &str, place: Option<Place>) -> Result<Open, ReadError> {
        let name: Arc<str> = path.into();
        let here = place.clone().unwrap_or(Place { file: name.clone(), line: 1 });
        self.read += 1;
        if self.read > MOST_FILES {
            return Err(ReadError::TooMuch { what: "files", place: here });
        }
        let Some(bytes) = self.files.read(path) else {
            return Err(ReadError::Missing { file: path.to_owned(), place });
        };
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > MOST_BYTES {
            return Err(ReadError::TooMuch { what: "bytes", place: here });
        }
        let lines = statements(&String::from_utf8_lossy(&bytes));
        Ok(Open { name, lines, next: 0, blocks: self.blocks.len() })
    }

    /// Takes one line; gives the file it names, if it is `source`. `outside` blocks belong to other files.
    fn statement(&mut self, line: &str, place: &Place, outside: usize) -> Result<Option<String>, ReadError> {
        let syntax = |what| ReadError::Syntax { what, place: place.clone() };
        if line.starts_with('$') {
            // `$(error-if,...)`: nothing that defines a symbol.
            return Ok(None);
        }
        if let Some((name, sign, value)) = assignment(line) {
            self.assign(name, sign, value);
            return Ok(None);
        }
        let all = tokens(line, &self.variables);
        let Some((Token::Word(Text::Known(keyword)), rest)) = all.split_first() else {
            return if all.is_empty() { Ok(None) } else { Err(syntax("a statement")) };
        };
        let mut rest = Tokens { rest, place, depth: 0 };
        match keyword.as_str() {
            "config" | "menuconfig" => {
                let name = rest.name()?;
                let symbol = self.symbol(name);
                if let Some(Block { kind: BlockKind::Choice(choice), .. }) =
                    self.blocks.iter().rev().find(|block| block.kind != BlockKind::If)
                {
                    let members = &mut self.symbols.choices[*choice].members;
                    if self.symbols.symbols[symbol].choice.is_none() {
                        members.push(symbol);
                        self.symbols.symbols[symbol].choice = Some(*choice);
                    }
                }
                let scope = self.scope();
                let entries = &mut self.symbols.symbols[symbol].entries;
                entries.push(Entry {
                    place: place.clone(),
                    scope,
                    depends: Vec::new(),
                    prompts: Vec::new(),
                    defaults: Vec::new(),
                    ranges: Vec::new(),
                });
                self.current = Current::Entry(symbol, entries.len() - 1);
            }
            "choice" => {
                let scope = self.enter(BlockKind::Choice(self.symbols.choices.len()), place)?;
                let choice = Choice { scope, defaults: Vec::new(), members: Vec::new(), place: place.clone() };
                self.symbols.choices.push(choice);
                self.current = Current::Choice(self.symbols.choices.len() - 1, scope);
            }
            "menu" => {
                let scope = self.enter(BlockKind::Menu, place)?;
                self.current = Current::Scope(scope);
            }
            "if" => {
                let expr = self.expr(&mut rest)?;
                let scope = self.enter(BlockKind::If, place)?;
                self.symbols.scopes[scope].depends.push(Condition { expr, place: place.clone() });
                self.current = Current::Nothing;
            }
            "endif" | "endmenu" | "endchoice" => {
                let fits = |kind: BlockKind| match kind {
                    BlockKind::If => keyword == "endif",
                    BlockKind::Menu => keyword == "endmenu",
                    BlockKind::Choice(_) => keyword == "endchoice",
                };
                if self.blocks.len() <= outside || !self.blocks.pop().is_some_and(|block| fits(block.kind)) {
                    return Err(syntax("the end of another block"));
                }
                self.current = Current::Nothing;
            }
            "source" | "osource" | "rsource" | "orsource" => {
                self.current = Current::Nothing;
                return match rest.rest {
                    [Token::Quoted(Text::Known(path)) | Token::Word(Text::Known(path))] => Ok(Some(path.clone())),
                    _ => Err(syntax("the path of a file")),
                };
            }
            // A comment's conditions are nobody's.
            "mainmenu" | "comment" => self.current = Current::Nothing,
            _ => self.option(keyword, &mut rest, place)?,
        }
        Ok(None)
    }

    /// A line within a `config`, `choice` or `menu`.
    fn option(&mut self, keyword: &str, rest: &mut Tokens<'_>, place: &Place) -> Result<(), ReadError> {
        let syntax = |what| ReadError::Syntax { what, place: place.clone() };
        match keyword {
            "depends" => {
                rest.keyword("on")?;
                let condition = Condition { expr: self.expr(rest)?, place: place.clone() };
                match self.current {
                    Current::Entry(symbol, entry) => {
                        self.symbols.symbols[symbol].entries[entry].depends.push(condition);
                    }
                    Current::Scope(scope) | Current::Choice(_, scope) => {
                        self.symbols.scopes[scope].depends.push(condition);
                    }
                    Current::Nothing => {}
                }
                return Ok(());
            }
            "visible" => {
                if let (Current::Scope(scope), Some(expr)) = (self.current, self.condition(rest)?) {
                    self.symbols.scopes[scope].visible.push(Condition { expr, place: place.clone() });
                }
                return Ok(());
            }
            _ => {}
        }
        match self.current {
            Current::Choice(choice, _) => {
                if keyword == "default" {
                    let value = self.symbol(rest.name()?);
                    let condition = self.condition(rest)?;
                    let default = Property { value, condition, place: place.clone() };
                    self.symbols.choices[choice].defaults.push(default);
                }
                Ok(())
            }
            Current::Entry(symbol, entry) => self.property(keyword, rest, place, symbol, entry),
            Current::Scope(_) | Current::Nothing => match keyword {
                // What a comment may have.
                "prompt" | "help" => Ok(()),
                _ => Err(syntax("a statement")),
            },
        }
    }

    /// A line within a `config`.
    fn property(
        &mut self,
        keyword: &str,
        rest: &mut Tokens<'_>,
        place: &Place,
        symbol: SymbolId,
        entry: usize,
    ) -> Result<(), ReadError> {
        let kind = match keyword {
            "bool" | "boolean" | "def_bool" => Some(SymbolType::Bool),
            "tristate" | "def_tristate" => Some(SymbolType::Tristate),
            "int" => Some(SymbolType::Int),
            "hex" => Some(SymbolType::Hex),
            "string" => Some(SymbolType::String),
            _ => None,
        };
        if let Some(kind) = kind {
            self.symbols.symbols[symbol].kind.get_or_insert(kind);
        }
        let place = place.clone();
        match keyword {
            "prompt" | "bool" | "boolean" | "tristate" | "int" | "hex" | "string" => {
                if let Some((Token::Quoted(_), behind)) = rest.rest.split_first() {
                    rest.rest = behind;
                    let condition = self.condition(rest)?;
                    self.entry(symbol, entry).prompts.push(Property { value: (), condition, place });
                }
            }
            "default" | "def_bool" | "def_tristate" => {
                let value = self.expr(rest)?;
                let condition = self.condition(rest)?;
                self.entry(symbol, entry).defaults.push(Property { value, condition, place });
            }
            "range" => {
                let value = (Expr::Term(self.term(rest)?), Expr::Term(self.term(rest)?));
                let condition = self.condition(rest)?;
                self.entry(symbol, entry).ranges.push(Property { value, condition, place });
            }
            "select" | "imply" => {
                let target = self.symbol(rest.name()?);
                let condition = self.condition(rest)?;
                let reverse = Reverse { by: symbol, entry, condition, place };
                let all = if keyword == "select" { &mut self.selects } else { &mut self.implies };
                all.push((target, reverse));
            }
            "modules" => self.symbols.modules = Some(symbol),
            // Before Linux 6.1: `option modules`, `option env=`, `option defconfig_list`.
            "option" => {
                if matches!(rest.rest.first(), Some(Token::Word(Text::Known(word))) if word == "modules") {
                    self.symbols.modules = Some(symbol);
                }
            }
            "optional" => {}
            _ => return Err(ReadError::Syntax { what: "a property of a symbol", place }),
        }
        Ok(())
    }

    fn entry(&mut self, symbol: SymbolId, entry: usize) -> &mut Entry {
        &mut self.symbols.symbols[symbol].entries[entry]
    }

    fn scope(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.scope)
    }

    fn enter(&mut self, kind: BlockKind, place: &Place) -> Result<usize, ReadError> {
        if self.blocks.len() >= DEEPEST {
            return Err(ReadError::TooMuch { what: "blocks within blocks", place: place.clone() });
        }
        self.symbols.scopes.push(Scope { parent: Some(self.scope()), ..Scope::default() });
        let scope = self.symbols.scopes.len() - 1;
        self.blocks.push(Block { kind, scope, place: place.clone() });
        Ok(scope)
    }

    fn symbol(&mut self, name: &str) -> SymbolId {
        if let Some(id) = self.symbols.names.get(name) {
            return *id;
        }
        let id = self.symbols.symbols.len();
        self.symbols.symbols.push(Symbol { name: name.to_owned(), kind: None, entries: Vec::new(), choice: None });
        self.symbols.names.insert(name.to_owned(), id);
        id
    }

    fn assign(&mut self, name: &str, sign: &str, value: &str) {
        let known = expanded(value, &self.variables);
        let value = match (sign, known) {
            ("+=", Some(value)) => self.variables.get(name).map(|before| format!("{before} {value}")),
            (_, known) => known,
        };
        match value {
            // Doubling again and again would be cheap to write.
            Some(value) if value.len() <= 4096 => self.variables.insert(name.to_owned(), value),
            _ => self.variables.remove(name),
        };
    }

    /// `if EXPR`, or nothing.
    fn condition(&mut self, rest: &mut Tokens<'_>) -> Result<Option<Expr>, ReadError> {
        if rest.rest.is_empty() {
            return Ok(None);
        }
        rest.keyword("if")?;
        self.expr(rest).map(Some)
    }

    fn expr(&mut self, rest: &mut Tokens<'_>) -> Result<Expr, ReadError> {
        let mut parts = vec![self.all(rest)?];
        while rest.sign("||") {
            parts.push(self.all(rest)?);
        }
        Ok(single(parts, Expr::Any))
    }

    fn all(&mut self, rest: &mut Tokens<'_>) -> Result<Expr, ReadError> {
        let mut parts = vec![self.not(rest)?];
        while rest.sign("&&") {
            parts.push(self.not(rest)?);
        }
        Ok(single(parts, Expr::All))
    }

    fn not(&mut self, rest: &mut Tokens<'_>) -> Result<Expr, ReadError> {
        if rest.depth >= DEEPEST {
            return Err(ReadError::TooMuch { what: "brackets within brackets", place: rest.place.clone() });
        }
        rest.depth += 1;
        let expr = if rest.sign("!") {
            Expr::Not(Box::new(self.not(rest)?))
        } else if rest.sign("(") {
            let inner = self.expr(rest)?;
            if !rest.sign(")") {
                return Err(rest.expected("a closing bracket"));
            }
            inner
        } else {
            let left = self.term(rest)?;
            let relations = [
                ("=", Relation::Equal),
                ("!=", Relation::Unequal),
                ("<=", Relation::LessEqual),
                (">=", Relation::GreaterEqual),
                ("<", Relation::Less),
                (">", Relation::Greater),
            ];
            match relations.into_iter().find(|(sign, _)| rest.sign(sign)) {
                Some((_, relation)) => Expr::Compare(left, relation, self.term(rest)?),
                None => Expr::Term(left),
            }
        };
        rest.depth -= 1;
        Ok(expr)
    }

    fn term(&mut self, rest: &mut Tokens<'_>) -> Result<Term, ReadError> {
        let Some((first, behind)) = rest.rest.split_first() else { return Err(rest.expected("a symbol")) };
        rest.rest = behind;
        match first {
            Token::Word(Text::Known(word)) if Tristate::parse(word).is_some() => Ok(Term::Constant(word.clone())),
            Token::Word(Text::Known(word)) => Ok(Term::Symbol(self.symbol(word))),
            Token::Quoted(Text::Known(text)) => Ok(Term::Constant(text.clone())),
            Token::Word(Text::Macro(raw)) | Token::Quoted(Text::Macro(raw)) => Ok(Term::Macro(self.toolchain(raw))),
            Token::Sign(_) => Err(rest.expected("a symbol")),
        }
    }

    fn toolchain(&mut self, raw: &str) -> MacroId {
        if let Some(id) = self.macros.get(raw) {
            return *id;
        }
        self.symbols.macros.push(raw.to_owned());
        self.macros.insert(raw.to_owned(), self.symbols.macros.len() - 1);
        self.symbols.macros.len() - 1
    }

    fn finish(self) -> Symbols {
        let mut symbols = self.symbols;
        symbols.selected_by = vec![Vec::new(); symbols.symbols.len()];
        symbols.implied_by = vec![Vec::new(); symbols.symbols.len()];
        for (target, reverse) in self.selects {
            symbols.selected_by[target].push(reverse);
        }
        for (target, reverse) in self.implies {
            symbols.implied_by[target].push(reverse);
        }
        symbols.arrange();
        symbols
    }
}

fn single(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() > 1 { many(parts) } else { parts.remove(0) }
}

/// What is left of a line.
struct Tokens<'a> {
    rest: &'a [Token],
    place: &'a Place,
    depth: usize,
}

impl<'a> Tokens<'a> {
    fn expected(&self, what: &'static str) -> ReadError {
        ReadError::Syntax { what, place: self.place.clone() }
    }

    fn sign(&mut self, sign: &str) -> bool {
        match self.rest.split_first() {
            Some((Token::Sign(first), behind)) if *first == sign => {
                self.rest = behind;
                true
            }
            _ => false,
        }
    }

    fn name(&mut self) -> Result<&'a str, ReadError> {
        match self.rest.split_first() {
            Some((Token::Word(Text::Known(name)), behind)) => {
                self.rest = behind;
                Ok(name)
            }
            _ => Err(self.expected("a symbol's name")),
        }
    }

    fn keyword(&mut self, word: &'static str) -> Result<(), ReadError> {
        match self.rest.split_first() {
            Some((Token::Word(Text::Known(first)), behind)) if first == word => {
                self.rest = behind;
                Ok(())
            }
            _ => Err(self.expected(if word == "on" { "`on`" } else { "`if`" })),
        }
    }
}
