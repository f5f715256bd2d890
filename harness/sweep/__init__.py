"""Many runs: plan, supervise, report progress."""
