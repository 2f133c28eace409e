"""Models governed as personal data: labels, evidence, the gate and the reports."""
