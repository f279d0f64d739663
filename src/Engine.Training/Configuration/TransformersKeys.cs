namespace Engine.Training.Configuration;

/// <summary>
/// Keys that people know from elsewhere and that a run file does not have: of Transformers' TrainingArguments (4.57 and 5), PEFT's
/// LoraConfig, TRL's SFTConfig, BitsAndBytesConfig, the arguments of Transformers' example scripts, and the settings that axolotl and
/// LLaMA-Factory have for the same things. Each is called otherwise here, has no effect, or is not supported.
/// </summary>
internal static class TransformersKeys
{
    /// <summary>Here, and what it is called elsewhere.</summary>
    private static readonly (string Here, string Elsewhere)[] Renamed =
    [
        ("output", "output_dir"),
        ("model", "model_name_or_path base_model base_model_name_or_path pretrained_model_name_or_path model_name model_id"),
        ("dtype", "torch_dtype"),
        ("task", "task_type problem_type"),
        ("eval_strategy", "evaluation_strategy evaluate_during_training"),
        ("per_device_train_batch_size", "per_gpu_train_batch_size micro_batch_size train_batch_size"),
        ("per_device_eval_batch_size", "per_gpu_eval_batch_size eval_batch_size"),
        ("num_train_epochs", "num_epochs epochs"),
        ("learning_rate", "lr"),
        ("lr_scheduler_type", "lr_scheduler scheduler"),
        ("max_length", "max_seq_length max_seq_len max_source_length model_max_length cutoff_len sequence_len"),
        ("packing", "sample_packing"),
        ("completion_only_loss", "assistant_only_loss"),
        ("data.train", "train_file train_files dataset_path"),
        ("data.validation", "validation_file eval_file"),
        ("data.text", "dataset_text_field text_column text_column_name sentence1_key"),
        ("data.text_pair", "sentence2_key"),
        ("data.validation_split", "val_size val_set_size validation_split_percentage"),
        ("label_smoothing_factor", "label_smoothing"),
        ("data.label", "label_column label_column_name"),
        ("data.limit", "max_train_samples max_samples"),
        ("data.validation_limit", "max_eval_samples"),
        ("adapter.r", "lora_r lora_rank rank"),
        ("adapter.lora_alpha", "alpha"),
        ("adapter.lora_dropout", "dropout"),
        ("adapter.target_modules", "lora_target_modules lora_target lora_modules"),
        ("adapter.modules_to_save", "lora_modules_to_save additional_target"),
        ("adapter.init", "adapter_name_or_path lora_model_dir"),
    ];

    /// <summary>What they would change is so already, or is done by no setting.</summary>
    private static readonly (string Reason, string Keys)[] WithoutEffect =
    [
        ("metrics.jsonl has a line for every step and evaluations.jsonl one for every evaluation; "
            + "logging_steps is about the lines on the screen.",
            "logging_strategy logging_first_step logging_dir logging_nan_inf_filter log_level log_level_replica disable_tqdm"
            + " include_tokens_per_second include_num_input_tokens_seen plot_loss"),
        ("the kernels are made for the device as they are, and bf16, fp16 and dtype say in which numbers they compute and store.",
            "torch_compile torch_compile_backend torch_compile_mode torchdynamo jit_mode_eval use_ipex use_liger_kernel use_liger "
                + "liger_kernel_config"
            + " half_precision_backend fp16_backend "
            + "fp16_opt_level bf16_full_eval fp16_full_eval attn_implementation flash_attention flash_attn use_flash_attention_2 use_cache"
            + " ephemeral_gpu_offload runtime_config"),
        ("gradient_checkpointing: true is all there is to it.", "gradient_checkpointing_kwargs activation_offloading"),
        ("memory is planned before the run starts; an estimate of the run says how much.",
            "torch_empty_cache_steps skip_memory_metrics low_cpu_mem_usage eval_accumulation_steps eval_do_concat_batches"),
        ("batches are made in this process, beside the device's work.",
            "dataloader_num_workers dataloader_pin_memory dataloader_persistent_workers dataloader_prefetch_factor "
                + "preprocessing_num_workers"
            + " dataset_num_proc dataset_batch_size overwrite_cache"),
        ("batches hold no padding.", "pad_to_max_length pad_to_multiple_of padding_free padding pad_token"),
        ("data.text, data.text_pair and data.label name what is read.", "remove_unused_columns label_names length_column_name"),
        ("a task's metrics are all computed at each evaluation.",
            "include_for_metrics include_inputs_for_metrics batch_eval_metrics prediction_loss_only do_concat_batches"),
        ("weights are always written as safetensors.", "save_safetensors"),
        ("Ctrl-C or SIGTERM stops a run after its step and keeps what was learned.", "enable_jit_checkpoint"),
        ("a step gives the same bits again on the same device.", "full_determinism"),
        ("training, evaluating and predicting are calls, or commands, of their own.", "do_train do_eval do_predict"),
        ("it belongs to older versions of Transformers.", "past_index use_legacy_prediction_loop"),
        ("the tokenizer is the one in the model's folder.",
            "tokenizer_name tokenizer_name_or_path use_fast_tokenizer tokenizer_type config_name model_type eos_token"),
        ("only files of this machine are read.", "cache_dir model_revision revision token use_auth_token"),
        ("the architectures are built in.", "trust_remote_code"),
        ("linear layers lie as their architecture has them.", "fan_in_fan_out"),
        ("it describes a saved adapter, and the run writes it itself.", "peft_type peft_version auto_mapping inference_mode"),
        ("'adapter:' makes a LoRA adapter, and without it every parameter is trained.", "finetuning_type use_peft stage"),
    ];

    /// <summary>What they ask for is not built, and what there is in its place.</summary>
    private static readonly (string Instead, string Keys)[] NotSupported =
    [
        ("the optimizer is AdamW, PyTorch's (adamw_torch): leave it out. adam_beta1, adam_beta2, adam_epsilon and weight_decay "
            + "are its settings.",
            "optim optim_args optim_target_modules adafactor optimizer"),
        ("the loss is cross-entropy; label_smoothing_factor and class_weights are its settings.", "loss_type router_aux_loss_coef"),
        ("noise on weights, not on embeddings, is what method: flat-lora has (docs/methods).", "neftune_noise_alpha"),
        ("frozen matrices are stored as dtype says; bfloat16 and float16 take half of float32's memory.",
            "load_in_4bit load_in_8bit bnb_4bit_compute_dtype bnb_4bit_quant_type bnb_4bit_use_double_quant bnb_4bit_quant_storage "
                + "llm_int8_threshold"
            + " llm_int8_skip_modules "
            + "llm_int8_enable_fp32_cpu_offload llm_int8_has_fp16_weight quantization_config quantization_bit loftq_config use_qalora "
            + "qalora_group_size"),
        ("a run uses one device. gradient_accumulation_steps makes larger batches; gradient_checkpointing and dtype take less memory.",
            "deepspeed fsdp fsdp_config fsdp_min_num_params fsdp_transformer_layer_cls_to_wrap accelerator_config "
                + "parallelism_config mp_parameters"
            + " sharded_ddp dispatch_batches split_batches "
            + "local_rank ddp_backend ddp_bucket_cap_mb ddp_broadcast_buffers ddp_find_unused_parameters ddp_timeout tpu_num_cores "
            + "tpu_metrics_debug"
            + " xpu_backend average_tokens_across_devices "
            + "eval_use_gather_object log_on_each_node save_on_each_node megatron_config megatron_core use_bdlora"),
        ("device says where the run is made: cpu, opencl, cuda.", "no_cuda use_cpu use_mps_device device_map max_memory"),
        ("nothing is sent over a network; the output folder has metrics.jsonl, evaluations.jsonl and summary.json, "
            + "which such a program can be fed; report_to: tensorboard or csv writes theirs, too.",
            "run_name project trackio_space_id ray_scope wandb_project wandb_entity wandb_run_id"),
        ("nothing is sent over a network; adapter/ or model/ in the output folder can be uploaded as it is.",
            "push_to_hub push_to_hub_model_id push_to_hub_organization push_to_hub_token hub_model_id hub_strategy hub_token "
                + "hub_private_repo"
            + " hub_always_push hub_revision"),
        ("it is asked for when the run is started: resume.", "resume_from_checkpoint auto_resume_from_checkpoints"),
        ("a resumed run goes on with the batches it would have had.", "ignore_data_skip restore_callback_states_from_checkpoint"),
        ("a checkpoint is whole, so that it can be resumed; save_strategy: no writes none, and the weights come at the end.",
            "save_only_model"),
        ("choose the batch size beforehand: an estimate of the run says what it takes.", "auto_find_batch_size"),
        ("an epoch ends with the rows that are left, as a smaller batch.", "dataloader_drop_last"),
        ("eval_strategy says when: with validation data the first evaluation is that of the untrained model.", "eval_on_start eval_delay"),
        ("completion_only_loss: false lets the loss ask for prompts too.", "train_on_inputs train_on_prompt"),
        ("chat_template names the layout of conversations: tokenizer is that of the model's folder.", "chat_template_path template"),
        ("group_by_length: true makes batches of texts of like length, false shuffles alone.", "train_sampling_strategy"),
        ("seed is that of the data's order too.", "data_seed shuffle_dataset"),
        ("a profile times the operators, and the cpu device runs what others run.", "debug"),
        ("only files of this machine are read: data.train, data.validation.",
            "dataset dataset_name dataset_config_name dataset_kwargs datasets dataset_dir test_file"),
        ("the model is built as its config.json says.", "model_init_kwargs"),
        ("packing holds for training and evaluation, and cuts no sample in two.", "packing_strategy eval_packing"),
        ("texts are cut at their end.", "truncation_mode"),
        ("the schedules have num_cycles, power, lr_end and timescale.",
            "min_lr min_lr_rate num_decay_steps num_stable_steps decay_type warmup_type min_lr_ratio factor patience"),
        ("an adapter trains no biases. modules_to_save trains a module whole, with its bias.", "bias lora_bias"),
        ("target_modules takes one regular expression over full names, such as '.*layers\\.(0|1)\\..*(q_proj|v_proj)'.",
            "target_parameters"),
        ("an adapter starts as init_lora_weights says: true, gaussian or pissa.", "eva_config corda_config lora_ga_config"),
        ("LoRA, rsLoRA (use_rslora), DoRA (use_dora) and PiSSA (init_lora_weights) are built.",
            "arrow_config kasa_config velora_config monteclora_config alora_invocation_tokens layer_replication"),
    ];

    /// <summary>Keys whose false or none asks for something else than what is done here.</summary>
    private static readonly string[] NotOffHere =
        ["no_cuda", "use_cpu", "use_mps_device", "shuffle_dataset", "eval_on_start", "eval_packing", "packing_strategy"];

    private static readonly Dictionary<string, string> NamesHere =
        new(Renamed.SelectMany(entry => Pairs(entry.Elsewhere, entry.Here)), StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Idle =
        new(WithoutEffect.SelectMany(entry => Pairs(entry.Keys, entry.Reason)), StringComparer.Ordinal);

    private static readonly Dictionary<string, string> Refused =
        new(NotSupported.SelectMany(entry => Pairs(entry.Keys, entry.Instead)), StringComparer.Ordinal);

    /// <summary>Every key, for the test that none of them is a key of the run file too.</summary>
    internal static IEnumerable<string> All => NamesHere.Keys.Concat(Idle.Keys).Concat(Refused.Keys);

    /// <summary>The dotted name of a key that is called otherwise here; null where it is none of these.</summary>
    public static string? NameHere(string key) => NamesHere.GetValueOrDefault(key);

    /// <summary>What became of any other key, as the end of a sentence; null where it is none of these.</summary>
    /// <param name="value">What stands behind the key: what turns off something that is not there anyway is no mistake.</param>
    public static string? Find(string key, ConfigNode value) =>
        Idle.TryGetValue(key, out string? reason) ? $"it has no effect here, so leave it out: {reason}"
        : !Refused.TryGetValue(key, out string? instead) ? null
        : TurnsOff(key, value) is { } off ? $"{off} has no effect here, so leave it out; other values are not supported: {instead}"
        : $"it is not supported: {instead}";

    /// <summary>The value as it was written where it asks for what is done anyway.</summary>
    private static string? TurnsOff(string key, ConfigNode value) => value switch
    {
        ScalarNode { IsNull: true } => "no value",
        ScalarNode { Value: false } or ScalarNode { Text: "none" or "None" } when !NotOffHere.Contains(key) =>
            $"'{((ScalarNode)value).Text}'",
        _ => null,
    };

    private static IEnumerable<KeyValuePair<string, string>> Pairs(string keys, string explanation) =>
        keys.Split(' ').Select(key => KeyValuePair.Create(key, explanation));
}
