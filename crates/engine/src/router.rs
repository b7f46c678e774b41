//! Picks the engine of a step.

use std::sync::Arc;

use wasmill_unit::Unit;

use crate::Engine;

/// The engines of this process, in the order in which they are tried.
#[derive(Clone, Default)]
pub struct Router {
    engines: Vec<Arc<dyn Engine>>,
}

/// The engine that was picked, and what was passed over for it.
#[derive(Clone)]
pub struct Choice {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// `name: why not`, for each engine that was preferred but could not be used.
    pub passed_over: Vec<String>,
}

/// Why no engine was picked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// No engine has this name.
    #[error("there is no engine `{name}`; there is {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The engines that there are.
        known: Vec<String>,
    },
    /// None of those asked for can run the unit.
    #[error("no engine can run this unit: {}", passed_over.join("; "))]
    NoneFits {
        /// `name: why not`, each.
        passed_over: Vec<String>,
    },
}

impl Router {
    /// A router over these engines, first choice first.
    pub fn new(engines: Vec<Arc<dyn Engine>>) -> Self {
        Router { engines }
    }

    /// The engines, first choice first.
    pub fn engines(&self) -> &[Arc<dyn Engine>] {
        &self.engines
    }

    /// The first of the `preferred` engines (of all, where that is empty) that runs such units.
    ///
    /// # Errors
    /// A name that no engine has, or why none fits.
    pub fn pick(&self, unit: &Unit, preferred: &[String]) -> Result<Choice, RouterError> {
        let mut passed_over = Vec::new();
        let candidates: Vec<&Arc<dyn Engine>> = if preferred.is_empty() {
            self.engines.iter().collect()
        } else {
            preferred.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?
        };
        for engine in candidates {
            let info = engine.info();
            if info.interfaces.contains(&unit.interface()) {
                return Ok(Choice { engine: engine.clone(), passed_over });
            }
            passed_over.push(format!("{}: does not run {} units", info.name.name, unit.interface()));
        }
        Err(RouterError::NoneFits { passed_over })
    }

    fn find(&self, name: &str) -> Result<&Arc<dyn Engine>, RouterError> {
        self.engines.iter().find(|engine| *engine.info().name.name == *name).ok_or_else(|| RouterError::Unknown {
            name: name.to_owned(),
            known: self.engines.iter().map(|engine| engine.info().name.name.to_string()).collect(),
        })
    }
}
