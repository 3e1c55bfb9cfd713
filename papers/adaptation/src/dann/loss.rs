//! The objective of a step.

use harness_core::backend::{IntTensor, Tensor};
use papers_kit::classify::cross_entropy;
use papers_kit::softplus::softplus;

/// The two losses of a domain-adversarial step, each a mean, `[1]`.
#[derive(Debug, Clone)]
pub struct DannLosses {
    /// Cross-entropy of the source labels.
    pub label: Tensor<1>,
    /// Cross-entropy of the domains of source and target.
    pub domain: Tensor<1>,
}

impl DannLosses {
    /// What is minimised: the sum. The domain part is not scaled; only its gradient to the features is, by
    /// [`super::gradient_reversal`].
    pub fn total(self) -> Tensor<1> {
        self.label + self.domain
    }
}

/// Label loss of the source and domain loss of both halves of a batch.
///
/// **Definition.** L = (1/Bₛ) Σᵢ −log softmax(zᵢ)_{yᵢ} + (1/B) Σⱼ [softplus(aⱼ) − dⱼ·aⱼ], with class logits z, domain
/// logits a, and d = 1 for source, 0 for target.
///
/// **Paper.** Section 4, equations 9 and 10 (JMLR 17, 2016).
///
/// **Arguments.** Class logits `[Bs, K]` with labels `[Bs]` in 0..K, domain logits `[B]` with domains `[B]`, each 0 or 1;
/// Bₛ, B ≥ 1. Values are not checked here: labels come from data that was.
///
/// **Differences.** The mean over all B equals half the sum of the two domains' means, as in the paper, only where the
/// halves are of equal size; the experiment draws them so.
///
/// **Example**
/// ```
/// use harness_core::backend::{DeviceChoice, IntTensor, Tensor};
/// use harness_core::op::read_f32;
/// use papers_adaptation::dann::DannLoss;
/// let device = DeviceChoice::Cpu.open()?;
/// let losses = DannLoss::new().forward(
///     Tensor::<2>::from_data([[0.0, 0.0]], &device),
///     IntTensor::from_data([1], &device),
///     Tensor::<1>::from_data([1e4, 1e4], &device),
///     IntTensor::from_data([1, 0], &device),
/// );
/// assert_eq!(read_f32(losses.domain), [5e3]);
/// assert!((read_f32(losses.label)[0] - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), harness_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DannLoss;

impl DannLoss {
    /// The loss; it has no parameters.
    pub fn new() -> Self {
        DannLoss
    }

    /// Both means.
    pub fn forward(
        &self,
        class_logits: Tensor<2>,
        labels: IntTensor<1>,
        domain_logits: Tensor<1>,
        domains: IntTensor<1>,
    ) -> DannLosses {
        let (label, domain) = self.forward_no_reduction(class_logits, labels, domain_logits, domains);
        DannLosses { label: label.mean(), domain: domain.mean() }
    }

    /// The label loss of each source example `[Bs]` and the domain loss of each example `[B]`.
    pub fn forward_no_reduction(
        &self,
        class_logits: Tensor<2>,
        labels: IntTensor<1>,
        domain_logits: Tensor<1>,
        domains: IntTensor<1>,
    ) -> (Tensor<1>, Tensor<1>) {
        let of_source = domain_logits.clone().mask_fill(domains.equal_elem(0), 0.0); // dⱼ·aⱼ
        let domain = softplus(domain_logits) - of_source;
        (cross_entropy(class_logits, labels), domain)
    }
}
