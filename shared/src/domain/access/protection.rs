use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Integration, IntegrationId, IntegrationType, OrganizationId};

/// How much harm it does if what an integration holds gets out.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Classification {
    /// None.
    Public,
    /// Little: for members of the organization.
    #[default]
    Internal,
    /// Much: for those who need it.
    Confidential,
    /// As much as can be: for those who need it, and who have shown twice who they are.
    Restricted,
}

impl Classification {
    /// Every classification, the lowest first.
    pub const ALL: [Self; 4] = [
        Self::Public,
        Self::Internal,
        Self::Confidential,
        Self::Restricted,
    ];

    /// Its name in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Confidential => "confidential",
            Self::Restricted => "restricted",
        }
    }
}

/// What an integration is used for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentEnvironment {
    /// By those who build it.
    Development,
    /// To be tried out.
    Staging,
    /// In earnest.
    #[default]
    Production,
}

impl DeploymentEnvironment {
    /// Every environment, the least protected first.
    pub const ALL: [Self; 3] = [Self::Development, Self::Staging, Self::Production];

    /// Its name in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// What policies may ask of an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntegrationAttributes {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which one.
    pub id: IntegrationId,
    /// How much harm it does if what it holds gets out.
    pub classification: Classification,
    /// What it is used for.
    pub environment: DeploymentEnvironment,
    /// The kind of provider.
    pub category: IntegrationType,
}

impl IntegrationAttributes {
    /// Whether less protects an integration with these attributes than one with `earlier`.
    #[must_use]
    pub fn is_lower_than(&self, earlier: &Self) -> bool {
        self.classification < earlier.classification || self.environment < earlier.environment
    }
}

impl From<&Integration> for IntegrationAttributes {
    fn from(integration: &Integration) -> Self {
        Self {
            organization_id: integration.organization_id,
            id: integration.id,
            classification: integration.classification,
            environment: integration.environment,
            category: integration.integration_type,
        }
    }
}
