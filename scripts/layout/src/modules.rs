//! The module tree of a crate: which names each module defines or imports, and which it mentions.

use std::collections::{BTreeMap, HashMap};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, File, Ident, ImplItemFn, Item, ItemMod, ItemUse, Macro, Meta, MetaList, UseTree,
    Visibility,
    visit::{self, Visit},
};

use crate::project::Error;

/// The place of a module in its [`Tree`].
pub(crate) type ModuleId = usize;

/// Segments of a path, such as `crate`, `tape` and `Strip`.
pub(crate) type Segments = Vec<String>;

/// What a name stands for inside of a module.
#[derive(Debug)]
pub(crate) enum Binding {
    Item,
    Child(ModuleId),
    Import(Segments),
}

/// A file, or a `mod` with a body inside of one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: String,
    pub(crate) parent: ModuleId,
    pub(crate) names: HashMap<String, Vec<Binding>>,
    /// Modules and enums of which everything is imported.
    pub(crate) globs: Vec<Segments>,
    /// Paths in its code and in its private imports.
    pub(crate) mentions: Vec<Segments>,
}

/// All modules that are reachable from one root, which comes first. Test modules are left out.
#[derive(Debug)]
pub(crate) struct Tree(pub(crate) Vec<Module>);

impl Tree {
    /// Follows the `mod` declarations from the file `root`.
    pub(crate) fn read(texts: &BTreeMap<String, String>, root: &str) -> Result<Self, Error> {
        let mut reader = Reader {
            texts,
            modules: Vec::new(),
            current: 0,
            folder: String::new(),
        };
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        reader.read_file(root, folder, 0)?;
        Ok(Self(reader.modules))
    }
}

struct Reader<'a> {
    texts: &'a BTreeMap<String, String>,
    modules: Vec<Module>,
    current: ModuleId,
    /// Where the files of the current module's children are.
    folder: String,
}

impl Reader<'_> {
    fn read_file(&mut self, path: &str, folder: &str, parent: ModuleId) -> Result<ModuleId, Error> {
        let parsed: File =
            syn::parse_file(&self.texts[path]).map_err(|error| Error::new(path, error))?;
        self.read_module(path, folder, parent, &parsed.items)
    }

    fn read_module(
        &mut self,
        file: &str,
        folder: &str,
        parent: ModuleId,
        items: &[Item],
    ) -> Result<ModuleId, Error> {
        let id = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            ..Module::default()
        });
        let outer = (
            self.current,
            std::mem::replace(&mut self.folder, folder.to_owned()),
        );
        self.current = id;
        for item in items {
            match item {
                Item::Mod(child) if !is_test(&child.attrs) => self.read_child(child, file)?,
                item => self.visit_item(item),
            }
        }
        (self.current, self.folder) = outer;
        Ok(id)
    }

    fn read_child(&mut self, child: &ItemMod, file: &str) -> Result<(), Error> {
        let name = child.ident.to_string();
        let folder = format!("{}/{name}", self.folder);
        let id = if let Some((_, items)) = &child.content {
            self.read_module(file, &folder, self.current, items)?
        } else {
            let mut candidates = [format!("{folder}.rs"), format!("{folder}/mod.rs")].into_iter();
            let path = candidates
                .find(|path| self.texts.contains_key(path))
                .ok_or_else(|| Error::new(file, format!("no file for `mod {name}`")))?;
            self.read_file(&path, &folder, self.current)?
        };
        self.bind(&name, Binding::Child(id));
        Ok(())
    }

    fn module(&mut self) -> &mut Module {
        &mut self.modules[self.current]
    }

    fn bind(&mut self, name: &str, binding: Binding) {
        self.module()
            .names
            .entry(name.to_owned())
            .or_default()
            .push(binding);
    }

    /// Imports what a `use` names; a private one also mentions it.
    fn import(&mut self, tree: &UseTree, before: &[String], is_private: bool) {
        let with = |name: &Ident| -> Segments {
            let own = (*name != "self").then(|| name.to_string());
            before.iter().cloned().chain(own).collect()
        };
        let (path, name) = match tree {
            UseTree::Path(path) => {
                let before: Segments = before
                    .iter()
                    .cloned()
                    .chain([path.ident.to_string()])
                    .collect();
                return self.import(&path.tree, &before, is_private);
            }
            UseTree::Group(group) => {
                return group
                    .items
                    .iter()
                    .for_each(|tree| self.import(tree, before, is_private));
            }
            UseTree::Name(name) => (with(&name.ident), with(&name.ident).pop()),
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
            UseTree::Glob(_) => {
                self.module().globs.push(before.to_vec());
                (before.to_vec(), None)
            }
        };
        if let Some(name) = name {
            self.bind(&name, Binding::Import(path.clone()));
        }
        if is_private {
            self.module().mentions.push(path);
        }
    }

    /// Mentions each path with several segments among the tokens of a macro or attribute.
    fn mention_tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(name) if colons == 2 && !path.is_empty() => {
                    path.push(name.to_string());
                    colons = 0;
                }
                other => {
                    self.module().mentions.push(std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        TokenTree::Group(group) => self.mention_tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.module().mentions.push(path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = attributes_and_name(item);
        if is_test(attributes) {
            return;
        }
        if let Some(name) = name {
            self.bind(&name.to_string(), Binding::Item);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            self.import(&item.tree, &[], matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.modules[self.current].mentions.push(segments.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.mention_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.mention_tokens(list.tokens.clone());
    }
}

fn attributes_and_name(item: &Item) -> (&[Attribute], Option<&Ident>) {
    match item {
        Item::Const(item) => (&item.attrs, Some(&item.ident)),
        Item::Enum(item) => (&item.attrs, Some(&item.ident)),
        Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
        Item::Mod(item) => (&item.attrs, None),
        Item::Static(item) => (&item.attrs, Some(&item.ident)),
        Item::Struct(item) => (&item.attrs, Some(&item.ident)),
        Item::Trait(item) => (&item.attrs, Some(&item.ident)),
        Item::Type(item) => (&item.attrs, Some(&item.ident)),
        Item::Union(item) => (&item.attrs, Some(&item.ident)),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

/// Whether there is a `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string().replace(' ', "");
            condition == "test" || condition.starts_with("all(test,")
        }
        _ => false,
    })
}
