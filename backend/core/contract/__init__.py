"""What the apps are built against, made from the code: the files of `mobile-contract/` that nobody writes by hand."""
