using PackageConsumer;

// What somebody writes who has only the packages; the argument is a model's folder.
return KernelConsumer.Run() && await FineTuneConsumer.RunAsync(args[0]) ? 0 : 1;
